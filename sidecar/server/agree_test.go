package server_test

import (
	"slices"
	"testing"

	"postern/sidecar/config"
	"postern/sidecar/policy"
	"postern/sidecar/token"
)

// The configuration is checked by a package that no other is seen from. What it accepts
// must be what the packages accept that it is handed to.
func TestConfig_agrees(t *testing.T) {
	same := func(what string, said, taken []string) {
		t.Helper()
		slices.Sort(said)
		slices.Sort(taken)
		if !slices.Equal(said, taken) {
			t.Errorf("%s: the configuration has %q, its reader %q", what, said, taken)
		}
	}
	same("policy.builtins", config.Builtins(), policy.OnRequest())
	same("opa.readable", config.Hidden(), policy.Hidden())
	same("issuers[].algorithms", config.Algorithms(), token.Algorithms())
	if config.MaxClockSkew != token.MaxClockSkew {
		t.Errorf("issuers[].clock_skew: the configuration takes up to %v, its reader %v", config.MaxClockSkew, token.MaxClockSkew)
	}
}
