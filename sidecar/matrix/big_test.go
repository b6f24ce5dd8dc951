package matrix_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"postern/sidecar/bundle"
	"postern/sidecar/matrix"
)

// big is a model of n role sets, plans and roles, and of six permissions for each role.
func big(t testing.TB, n int) *bundle.Bundle {
	t.Helper()
	var text strings.Builder
	fmt.Fprintln(&text, "permissions:")
	for p := range 6*n - 9 {
		fmt.Fprintf(&text, "  \"org:f%d:a%d\": {}\n", p%n, p)
	}
	fmt.Fprintln(&text, "roles:")
	for r := range n {
		fmt.Fprintf(&text, "  \"org:r%d\": {permissions: [\"org:sys_memberships:manage\", \"org:sys_memberships:read\", \"org:sys_profile:delete\"", r)
		for p := range 3 * n {
			fmt.Fprintf(&text, ", \"org:f%d:a%d\"", p%n, p)
		}
		fmt.Fprintln(&text, "]}")
	}
	fmt.Fprintln(&text, "role_sets:")
	for s := range n {
		fmt.Fprintf(&text, "  s%d: {default_role: \"org:r0\", creator_role: \"org:r0\", roles: [\"org:r0\"", s)
		for r := range n - 1 {
			fmt.Fprintf(&text, ", \"org:r%d\"", r+1)
		}
		fmt.Fprintln(&text, "]}")
	}
	fmt.Fprintln(&text, "plans:")
	for p := range n {
		fmt.Fprintf(&text, "  p%d: {features: [f%d]}\n", p, p)
	}
	b, err := bundle.FromFS(fstest.MapFS{"model/data.yaml": {Data: []byte(text.String())}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkBuild(b *testing.B) {
	loaded := big(b, 10)
	for b.Loop() {
		m, err := matrix.Build(b.Context(), loaded, matrix.Options{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for range m.Cells() {
			n++
		}
		if n != 60_000 {
			b.Fatalf("%d cells", n)
		}
	}
}
