package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestMemory_identities: the room for tokens counts what is remembered of their sessions,
// too: what upstreams are told of a role with many permissions is longer than the token.
func TestMemory_identities(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf(`"org:feature_of_some_name_%d:manage"`, i))
	}
	write(t, dir, "model/data.yaml", `
settings: {permission_source: roles}
roles: {"org:admin": {permissions: [`+strings.Join(names, ", ")+`]}}
routes: [{match: "/", signed_in: true}]
`)
	s := start(t, standard(t, dir, "cache: {tokens: 1MiB}"))
	ask := func(i int) {
		token := sign(t, map[string]any{"sid": fmt.Sprintf("sess_%d", i)})
		if a := s.do("GET", "/ext_authz/x", "", "Authorization", "Bearer "+token); a.Code != 200 || len(a.Header.Get("X-Postern-Permissions")) < 8<<10 {
			t.Fatalf("%d %v", a.Code, a.Header)
		}
	}
	ask(-1)
	before := heap()
	const n = 1000
	for i := range n {
		ask(i)
	}
	grown := int64(heap()) - int64(before)
	t.Logf("%d bytes for %d sessions", grown, n)
	if grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes, and the room for tokens is 1 MiB", grown)
	}
}
