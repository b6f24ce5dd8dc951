package server

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/authzen"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// TestShadow_memory: what waits for a shadow that is slow is bounded by its size, whatever
// callers ask about, and there is room again for what was compared.
func TestShadow_memory(t *testing.T) {
	s := bare(t, &bytes.Buffer{})
	s.config.Shadow = config.Shadow{Bundles: config.Bundles{{Path: t.TempDir()}}, Sample: 1, Deadline: 1}
	sh, err := s.newShadow()
	if err != nil {
		t.Fatal(err)
	}
	sh.current.Store(&snapshot{}) // without a policy: to compare panics, and is an error
	const large = 1 << 20
	document := jsontext.Value(`{"a":"` + strings.Repeat("x", large) + `"}`)
	input, err := policy.NewValue(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(*asking){
		"check":      func(a *asking) { a.check = &request.Question{Resource: document} },
		"evaluation": func(a *asking) { a.evaluation = &authzen.Evaluation{Context: document} },
		"data":       func(a *asking) { a.data = &policy.DataQuestion{Input: input} },
		"request": func(a *asking) {
			a.proxied, a.routed = &request.Proxied{Body: &request.Body{Raw: document}}, true
		},
	} {
		before := counted(t, sh.dropped)
		put := func(n int) {
			for range n {
				a := s.beginWith("check", request.Credential{Code: decision.TokenMissing})
				a.snapshot = &snapshot{}
				ask(&a)
				sh.put(&a, noItem, nil, decision.Allowed())
			}
		}
		put(10)
		if n, dropped := len(sh.queue), counted(t, sh.dropped)-before; n != shadowMemory/large-1 || dropped != float64(10-n) {
			t.Errorf("%s: %d wait, %v are dropped", name, n, dropped)
		}
		for len(sh.queue) > 0 {
			sh.compare(t.Context(), <-sh.queue)
		}
		if held := sh.held.Load(); held != 0 {
			t.Errorf("%s: %d bytes are held by nothing", name, held)
		}
		put(1)
		if len(sh.queue) != 1 {
			t.Errorf("%s: there is no room again", name)
		}
		sh.compare(t.Context(), <-sh.queue)
	}
	// Small ones are bounded by their number.
	for range shadowQueue + 10 {
		a := s.beginWith("check", request.Credential{Code: decision.TokenMissing})
		a.snapshot, a.check = &snapshot{}, &request.Question{}
		sh.put(&a, noItem, nil, decision.Allowed())
	}
	if len(sh.queue) != shadowQueue {
		t.Errorf("%d small ones wait", len(sh.queue))
	}
}
