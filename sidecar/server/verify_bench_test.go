//go:build !race

package server

import (
	"context"
	"testing"
	"time"

	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/testdata/harness"
)

// BenchmarkVerify is all that a token costs which was not seen before, the decision about
// an ordinary question with it.
func BenchmarkVerify(b *testing.B) {
	s, _ := ready(b)
	raw := harness.Sign(b, nil)
	now := time.Now()
	q, err := request.ParseCheck([]byte(`{"permission":"org:reports:read"}`))
	if err != nil {
		b.Fatal(err)
	}
	p := s.current.Load().policy
	b.ReportAllocs()
	for b.Loop() {
		v, err := s.verify(raw, now)
		if err != nil {
			b.Fatal(err)
		}
		if answer, _ := p.Check(context.Background(), policy.Input{Subject: v.subject, Now: now}, &q); !answer.Allow {
			b.Fatal("denied")
		}
	}
}
