package server_test

import (
	"testing"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/server"
)

// TestPolicyOptions: every entrypoint of the file counts.
func TestPolicyOptions(t *testing.T) {
	c := config.Default()
	c.Entrypoints = config.Entrypoints{Check: "a/b", Route: "a/c", Evaluate: "a/d", Search: config.Search{Subject: "a/e", Resource: "a/f", Action: "a/g"}}
	want := bundle.Entrypoints{Check: "a/b", Route: "a/c", Evaluate: "a/d", Search: bundle.Search{Subject: "a/e", Resource: "a/f", Action: "a/g"}}
	if got := server.PolicyOptions(c).Entrypoints; got != want {
		t.Errorf("entrypoints = %+v, want %+v", got, want)
	}
}
