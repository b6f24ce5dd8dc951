package policy_test

import (
	"testing"

	"postern/sidecar/policy"
)

// BenchmarkEvaluate is a decision that nobody remembers.
func BenchmarkEvaluate(b *testing.B) {
	p, err := policy.New(b.Context(), load(b, "model/data.yaml", company), bound(), policy.Options{})
	if err != nil {
		b.Fatal(err)
	}
	in := policy.Input{Subject: subject(b, people["admin"]), Now: now}
	q := ask(b, `{"permission":"org:invoices:read"}`)
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := decide(b, p, in, q); !d.Allow {
			b.Fatal(d)
		}
	}
}
