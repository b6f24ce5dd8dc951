package request

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseTarget(t *testing.T) {
	f := func(raw, path string, segments ...string) {
		t.Helper()
		got, err := ParseTarget(raw)
		if err != nil || got.Path != path || !slices.Equal(got.Segments(), segments) {
			t.Errorf("ParseTarget(%q) = %q %q, %v; want %q %q", raw, got.Path, got.Segments(), err, path, segments)
		}
	}
	f("/", "/")
	f("/a", "/a", "a")
	f("/a/", "/a/", "a", "")
	f("/a/b?x=/../c&y=%zz", "/a/b", "a", "b")
	f("/%61dmin", "/admin", "admin")
	f("/a%20b/c+d", "/a b/c+d", "a b", "c+d")
	f("/caf%C3%A9", "/café", "café")
	f("/100%25", "/100%", "100%")
	f("/a%25b", "/a%b", "a%b") // b alone is no escape
	f("/..a/.b", "/..a/.b", "..a", ".b")
	f("/user@host:1,2=3", "/user@host:1,2=3", "user@host:1,2=3")

	got, err := ParseTarget("/a?")
	if err != nil || got.Path != "/a" || got.Query != "" {
		t.Errorf("an empty query: %+v, %v", got, err)
	}
	if got, err = ParseTarget("/a?b?c"); err != nil || got.Query != "b?c" {
		t.Errorf("a query with a question mark: %+v, %v", got, err)
	}
}

func TestParseTarget_ambiguous(t *testing.T) {
	f := func(raws ...string) {
		t.Helper()
		for _, raw := range raws {
			if got, err := ParseTarget(raw); err == nil {
				t.Errorf("ParseTarget(%q) = %q, want an error", raw, got.Path)
			}
		}
	}
	// Dot segments, plain and encoded.
	f("/public/../admin", "/public/./../admin", "/./admin", "/public/..", "/admin/.", "/public/%2e%2e/admin", "/public/.%2e/admin", "/public/%2E./admin", "/%2e/admin")
	// Encoded separators.
	f("/public/..%2fadmin", "/public%2f..%2fadmin", "/admin%2fx", "/admin%2F", "/public/..%5cadmin", "/admin%23", "/admin%3f/public", "/a%3bx")
	// Twice encoded.
	f("/public/%252e%252e/admin", "/public/%252e%252e%252fadmin", "/%2561dmin")
	// What some systems drop.
	f("/public/..%20/admin", "/public/%20../admin", "/public/.%20./admin", "/public/.../admin", "/admin.", "/admin./", "/b../c", "/admin%20", "/%20admin", "/public/%25u002e%25u002e/admin")
	f("/a%E2%88%95b", "/a%E2%81%84b", "/a%E2%88%96b", "/.%CD%8F./a", "/a%EF%B8%8F")
	f("/a%25%EF%BC%92%EF%BC%A6admin", "/a/%25%C2%B2e%25%C2%B2e/b", "/a%252%EF%BC%A6b")
	// Several in one.
	f("/public,/admin", "/public,//admin")
	// Empty segments.
	f("//admin", "///admin", "/public//../admin", "/admin//", "//")
	// Parameters.
	f("/admin;x=1", "/public/..;/admin", "/public;/../admin", "/;/admin", "/admin;/")
	// Backslashes.
	f(`/public\..\admin`, `/public/..\admin`, `\admin`, `/\admin`)
	// Control and invisible characters.
	f("/admin%00", "/public%00/../admin", "/adm%0ain", "/admin%0d%0aX:y", "/admin%09", "/admin%7f", "/a%C2%85", "/a%E2%80%A8", "/a%E2%80%8B", "/a%EF%BB%BF", "/a%E2%80%AE")
	// Fragments.
	f("/public#/../admin", "/public/x#", "/public?#/../admin")
	// Overlong, foreign and broken escapes.
	f("/public/%c0%ae%c0%ae/admin", "/public/%c0%afadmin", "/public/%u002e%u002e/admin", "/%ed%a0%80", "/%ff", "/admin%", "/admin%2", "/admin%zz", "%", "/%+1")
	// What normalises to a separator.
	f("/public/%ef%bc%8e%ef%bc%8e/admin", "/public%ef%bc%8fadmin", "/a%ef%bc%bcb", "/a%cd%beb", "/%e2%80%a6/")
	// Raw bytes that a target has not.
	f("/a b", "/a\tb", "/\x80", "/é", "/a\x00", "/a\r\nX: y")
	// No paths.
	f("", "*", "admin", "a:443", "?x", "http://public.example/admin")
	// Sizes.
	f("/"+strings.Repeat("a", maxTarget), strings.Repeat("/a", maxSegments+1))
}

// TestLookalikes: each is one that this machine's own rules would let through.
func TestLookalikes(t *testing.T) {
	for _, r := range lookalikes {
		if r < utf8.RuneSelf {
			t.Errorf("%q is ASCII", r)
		}
		if CheckPath("/a"+string(r)+"b") == nil {
			t.Errorf("%U passes", r)
		}
	}
}

func TestNormalHost(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		got, err := NormalHost(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("NormalHost(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	f("example.com", "example.com")
	f("Admin.Example.COM:8443", "admin.example.com")
	f("example.com.", "example.com")
	f("example.com.:443", "example.com")
	f("127.0.0.1:80", "127.0.0.1")
	f("[::1]:443", "[::1]")
	f("[0:0:0:0:0:0:0:1]", "[::1]")
	f("a_b.internal", "a_b.internal")
	for _, raw := range []string{
		"", ".", "a..b", ":80", "a:", "a:0", "a:99999", "a:+1", "a:b", "a:80:80", "a/b@c", "user@host", "a b", "a\x00", "é.example",
		"[::1", "[::1%eth0]", "[127.0.0.1]", "::1", "a,b", "a%2eb", strings.Repeat("a.", 200) + "b",
	} {
		f(raw, "")
	}
}

func TestIsMethod(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "M-SEARCH": true, "FOO": true, "": false, "get": false, "GET, POST": false, "G\tT": false, "-": false, "G1": false, "PRI": false, "CONNECT": false, strings.Repeat("A", 33): false,
	} {
		if IsMethod(s) != want {
			t.Errorf("IsMethod(%q) = %v", s, !want)
		}
	}
}
