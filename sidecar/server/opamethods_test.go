package server_test

import (
	"strings"
	"testing"
)

// TestOPA_methods: a write is told why there is none, and any other method what the method is.
func TestOPA_methods(t *testing.T) {
	s := start(t, opaConfig(t, opaBundle(t)))
	const kept = "data and policies come from the bundle, and are not changed here"
	f := func(method, path, allow, why string) {
		t.Helper()
		a := s.do(method, path, "")
		if a.Code != 405 || a.Header.Get("Allow") != allow || !strings.Contains(a.Body, `"`+why+`"`) {
			t.Errorf("%s %s: %d, Allow %q, %s, want %q and %q", method, path, a.Code, a.Header.Get("Allow"), a.Body, allow, why)
		}
	}
	f("PUT", "/v1/data/app", "GET, POST", kept)
	f("PATCH", "/v1/data", "GET, POST", kept)
	f("DELETE", "/v1/policies/x", "GET, POST", kept)
	f("GET", "/v1/batch/data/app", "POST", "the method is POST")
	f("GET", "/v0/data/app", "POST", "the method is POST")
	f("GET", "/", "POST", "the method is POST")
	f("OPTIONS", "/v1/data/app", "GET, POST", "the method is GET or POST")
}
