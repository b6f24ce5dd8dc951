package server

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"postern/sidecar/audit"
	"postern/sidecar/config"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// TestShadow_panic: a panic behind an answer is counted, and ends nothing.
func TestShadow_panic(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, &log)
	s.config.Shadow = config.Shadow{Bundles: config.Bundles{{Path: t.TempDir()}}, Sample: 1, Deadline: 1}
	sh, err := s.newShadow()
	if err != nil {
		t.Fatal(err)
	}
	// No bundle was ever loaded, and nothing is put to such a shadow.
	sh.compare(t.Context(), shadowed{whole: policy.Case{Check: &request.Question{}}, record: audit.Record{ID: "d-1"}})
	if n := counted(t, sh.results.WithLabelValues(shadowError)); n != 1 || !strings.Contains(log.String(), `"decision":"d-1"`) {
		t.Errorf("%v panics are counted, log %s", n, log.String())
	}
}

// TestShadow_share: about the share of the decisions is chosen, and of one id always the same.
func TestShadow_share(t *testing.T) {
	s := bare(t, &bytes.Buffer{})
	s.config.Shadow = config.Shadow{Bundles: config.Bundles{{Path: t.TempDir()}}, Sample: 0.25, Deadline: 1}
	sh, err := s.newShadow()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 20_000 {
		a := s.beginWith("check", request.Credential{Code: "token_missing"})
		first := sh.chosen(&a.id)
		if first != sh.chosen(&a.id) {
			t.Fatal("one decision is chosen, and not")
		}
		if first {
			n++
		}
	}
	if n < 4500 || n > 5500 {
		t.Errorf("%d of 20000 are chosen, want about 5000", n)
	}
	for share, want := range map[float64]bool{0: false, 1: true} {
		sh.share = share
		if a := s.beginWith("check", request.Credential{}); sh.chosen(&a.id) != want {
			t.Errorf("share %v: chosen %v", share, !want)
		}
	}
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
