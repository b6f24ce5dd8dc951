package routematcher

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A vector is a question to createRouteMatcher. Want is a boolean or the name of an error.
type vector struct {
	ID       string          `json:"id"`
	Patterns []string        `json:"patterns"`
	Path     string          `json:"path"`
	Want     json.RawMessage `json:"want"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("../../testdata/clerk/routes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		t.Fatal("no vectors")
	}
	return all
}

// TestVectors asks each translated list what createRouteMatcher was asked. The routes
// never match where it does not, and where they do not match and it does, the translation
// says so.
func TestVectors(t *testing.T) {
	equal, narrower, refused := 0, 0, 0
	for _, v := range vectors(t) {
		r, err := carry(t, list(v.Patterns...))
		if err != nil {
			refused++
			continue
		}
		got, path := r.ask(v.Path)
		switch want := string(v.Want) == "true"; {
		case string(v.Want) == `"invalid_pattern"`:
			t.Errorf("%s: Translate(%q) = %+v, and createRouteMatcher throws", v.ID, v.Patterns, r.Translation)
		case got == want:
			equal++
		case got:
			t.Errorf("%s: %q matches %s, and the list does not", v.ID, v.Patterns, v.Path)
		case r.explains(path):
			narrower++
		default:
			t.Errorf("%s: %q does not match %s, and nothing says so: %+v", v.ID, v.Patterns, v.Path, r.Translation)
		}
	}
	t.Logf("%d equal, %d narrower as stated, %d lists refused", equal, narrower, refused)
	if equal < 60 || narrower < 5 || refused < 20 {
		t.Errorf("%d equal, %d narrower, %d refused: the vectors show too little", equal, narrower, refused)
	}
}

// TestTranslate has what one pattern comes to.
func TestTranslate(t *testing.T) {
	f := func(pattern string, want ...string) {
		t.Helper()
		r, err := carry(t, list(pattern))
		if err != nil {
			t.Errorf("Translate(%q): %v", pattern, err)
			return
		}
		if got := r.Entries[0].Matches; !slices.Equal(got, want) {
			t.Errorf("Translate(%q) = %q, want %q", pattern, got, want)
		}
	}
	f("/", "/{$}")
	f("", "/{$}")
	f("/admin", "/admin", "/admin/{$}")
	f("/admin/", "/admin/{$}")
	f("/admin(.*)", "/admin", "/admin/")
	f("/admin/(.*)", "/admin/")
	f("/admin(/.*)?", "/admin", "/admin/")
	f("/admin/:path*", "/admin", "/admin/")
	f("/admin/:path+", "/admin/{path}", "/admin/{path}/")
	f("/admin(.+)", "/admin/")
	f("/admin/(.+)", "/admin/{p2}", "/admin/{p2}/")
	f("(.*)", "/")
	f("/(.*)", "/")
	f("/:path*", "/")
	f("/users/:id", "/users/{id}", "/users/{id}/{$}")
	f("/users/:id?", "/users", "/users/{$}", "/users/{id}", "/users/{id}/{$}")
	f("/users/([^/]+)/edit", "/users/{p2}/edit", "/users/{p2}/edit/{$}")
	f("/:a/:a", "/{a}/{a_2}", "/{a}/{a_2}/{$}")
	f("/:1/x", "/{p1}/x", "/{p1}/x/{$}")
	f("/(en|fr)/faq", "/en/faq", "/en/faq/{$}", "/fr/faq", "/fr/faq/{$}")
	f("/(api|trpc)(.*)", "/api", "/api/", "/trpc", "/trpc/")
	f("/a{-b}?", "/a", "/a/{$}", "/a-b", "/a-b/{$}")
	f("/a b/\\{c\\}", "/a%20b/%7Bc%7D", "/a%20b/%7Bc%7D/{$}")
	f("/100%", "/100%25", "/100%25/{$}")
	f("/café", "/café", "/café/{$}")
	f(`/a(\))`, "/a%29", "/a%29/{$}")
	f(`/\(a/\*`, "/%28a/%2A", "/%28a/%2A/{$}")
	f("/a\\", "/a", "/a/{$}")
	// What matches nothing, and what is denied before it could match.
	f("admin")
	f("/a//b")
	f("/a#b")
	f("/caf%C3%A9")
	f("/a;b")
	f("/a/../b")
	f("/a\u2028")
	f("/a\\\\b")
}

// TestTranslate_lists has lists whose patterns meet.
func TestTranslate_lists(t *testing.T) {
	f := func(patterns []string, want ...string) {
		t.Helper()
		r, err := carry(t, list(patterns...))
		if err != nil {
			t.Errorf("Translate(%q): %v", patterns, err)
			return
		}
		var got []string
		for _, e := range r.Entries {
			got = append(got, strings.Join(e.Matches, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("Translate(%q) = %q, want %q", patterns, got, want)
		}
	}
	f([]string{})
	f([]string{"/a", "/a"}, "/a /a/{$}", "")
	f([]string{"/a/:x", "/a/:y"}, "/a/{x} /a/{x}/{$}", "")
	// Beside / and /foo/, a mux redirects /foo, which / alone matches.
	f([]string{"/(.*)", "/foo/(.*)"}, "/", "")
	f([]string{"/foo/(.*)", "(.*)"}, "", "/")
	f([]string{"/foo(.*)", "/:id"}, "/foo /foo/{$} /foo/{p2} /foo/{p2}/", "/{id} /{id}/{$}")
	f([]string{"/id(.*)", "/:id"}, "/id /id/{$} /id/{p2} /id/{p2}/", "/{id} /{id}/{$}")
	f([]string{"/:org/:page", "/foo(.*)"}, "/{org}/{page} /{org}/{page}/{$}", "/foo /foo/{$} /foo/{p2} /foo/{p2}/{$} /foo/{p2}/{p3} /foo/{p2}/{p3}/")
}

// TestTranslate_refused has what is not carried over, and the words for it.
func TestTranslate_refused(t *testing.T) {
	f := func(invalid bool, message string, patterns ...string) {
		t.Helper()
		got, err := Translate(list(patterns...))
		var r *Refusal
		if !errors.As(err, &r) || r.Invalid != invalid || !strings.Contains(err.Error(), message) || got.Entries != nil {
			t.Errorf("Translate(%q) = %+v, %v, want a refusal with %q", patterns, got, err, message)
		}
	}
	for _, p := range []string{"*", "/foo?", "/foo*", "/foo/*", "/foo)(", "/foo/:-x", "/:a:b", "/:a(\\d+):b", "/foo()", "/a+b", "{a", "}", "(?:a)", "((a))", "(a", ":id*"} {
		f(true, "throws", p)
	}
	f(false, "look ahead", "/((?!api|_next).*)")
	f(false, "whole one", "/:a-:b")
	f(false, "whole one", "/v:version/items")
	f(false, "whole segment", `/users/:id(\d+)`)
	f(false, "whole segment", "/x(a*)")
	f(false, "alternative is empty", "/x(a|)")
	f(false, "repeats", "/(a|b)+")
	f(false, "repeats", "{/a}*")
	f(false, "repeats", "/a.:x*")
	f(false, "at the end", "/a(.*)/b")
	f(false, "at the end", "/:path*/b")
	f(false, "%40", "/user@host")
	f(false, "64 alternatives", strings.Repeat("/(a|b)", 7))
	f(false, "32 segments", strings.Repeat("/a", maxSegments+1))
	f(false, "longer than", "/"+strings.Repeat("a", maxLength))
	f(false, "not UTF-8", "/\xff")
	f(false, `"/api(.*)"`, "/api(.*)", "/:l/x")
	f(false, "its own", "/:locale?/dash(.*)")
	// All at once, each with its line.
	f(false, "line 3: pattern", "/:a-:b", "/ok", `/x(\d)`)
	if _, err := Translate(make([]Pattern, maxPatterns+1)); err == nil {
		t.Error("a list without bounds is translated")
	}
	var crossing []string
	for i := range 20 {
		crossing = append(crossing, fmt.Sprintf("/%d(.*)", i))
	}
	crossing = append(crossing, strings.Repeat("/:a", maxSegments))
	if _, err := Translate(list(crossing...)); err == nil || !strings.Contains(err.Error(), "too many ways") {
		t.Errorf("Translate(%q): %v, want it bounded", crossing, err)
	}
}

// TestTranslate_differences has what is said about what the routes do not match.
func TestTranslate_differences(t *testing.T) {
	kinds := func(all []Difference) string {
		var names []string
		for _, d := range all {
			names = append(names, string(d.Kind))
		}
		return strings.Join(names, " ")
	}
	f := func(pattern, general, own string) {
		t.Helper()
		got, err := Translate(list(pattern))
		if err != nil {
			t.Errorf("Translate(%q): %v", pattern, err)
		} else if g, o := kinds(got.Differences), kinds(got.Entries[0].Differences); g != general || o != own {
			t.Errorf("Translate(%q) states %q, %q, want %q, %q", pattern, g, o, general, own)
		}
	}
	f("/admin", "case ambiguous_path", "")
	f("/(.*)", "ambiguous_path", "")
	f("/1", "ambiguous_path", "")
	f("/admin(.*)", "case ambiguous_path", "prefix")
	f("/admin/(.*)", "case ambiguous_path", "")
	f("/(a|b)(.*)", "case ambiguous_path", "prefix prefix")
	f("/a//b", "", "unmatched")
	f("/%66oo", "", "unmatched")
	f("/a;b", "", "ambiguous_path")
}
