package request

import (
	"testing"

	"postern/testdata/paths"
)

// vectors are those of testdata/paths.
func vectors(t testing.TB) []paths.Vector {
	t.Helper()
	all, err := paths.Load()
	if err != nil || len(all) < 250 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

// TestVectors: every target is read as it must be, by all readers alike.
func TestVectors(t *testing.T) {
	unsendable := 0
	for _, v := range vectors(t) {
		for name, read := range readers {
			if v.Raw == "" && name != "gRPC" && name != "ext_authz" {
				continue // a header that is empty is missing
			}
			p, err := read(t, "GET", "https", "app.example", v.Raw)
			if err == errUnsendable {
				unsendable++
				if v.Path != "" {
					t.Errorf("%s: %.80q cannot be sent", name, v.Raw)
				}
				continue
			}
			if p.Target.Path != v.Path || (err == nil) != (v.Path != "") {
				t.Errorf("%s: %.80q is read as %.80q, %v; want %.80q", name, v.Raw, p.Target.Path, err, v.Path)
			}
			if err == nil && p.Target.Raw != v.Raw {
				t.Errorf("%s: Raw = %.80q, want %.80q", name, p.Target.Raw, v.Raw)
			}
		}
	}
	t.Logf("%d vectors could not be sent to one reader", unsendable)
	if unsendable > 40 {
		t.Errorf("%d vectors could not be sent to one reader", unsendable)
	}
}
