package server

import (
	"fmt"
	"path/filepath"
	"testing"

	"postern/testdata/harness"
)

// ready is a server that has loaded all it needs, and the header of a session.
func ready(t testing.TB) (*Server, string) {
	t.Helper()
	dir := t.TempDir()
	harness.Write(t, dir, "bundle/model/data.yaml", "routes: [{match: /health, public: true}, {match: \"GET /invoices/{id}\", require: {permission: \"org:reports:read\"}}]\n")
	c := harness.Load(t, harness.Write(t, dir, "postern.yaml", fmt.Sprintf(
		"bundles: [{path: %s}]\nissuers: [{issuer: %q, jwks: %s, authorized_parties: any}]\n",
		filepath.Join(dir, "bundle"), harness.Issuer, harness.JWKS(t, dir, harness.Key()))))
	s, err := New(Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	s.Reload(t.Context())
	return s, "Authorization: Bearer " + harness.Sign(t, nil) + "\r\n"
}
