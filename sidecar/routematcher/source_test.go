package routematcher

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const middleware = `import { clerkMiddleware, createRouteMatcher } from '@clerk/nextjs/server'

// createRouteMatcher(['/not-this'])
const isPublic = createRouteMatcher([
  '/sign-in(.*)', "/sign-up(.*)", // '/commented'
  /* '/also' */ ` + "`/api/web${''}`" + `,
])
const isAdmin: Matcher = createRouteMatcher(["/admin(.*)",
  '/caf\u00e9', '/\x41\u{1F4A9}\/',
])
const half = total / 2, quote = /['"]/.test(half / 3)

export default clerkMiddleware(async (auth, req) => {
  if (!isPublic(req)) await auth.protect()
  if (isAdmin(req)) return ` + "`${req.url} ${`'`} ${{a: '}'}}`" + `
})
`

// TestRead has what lists look like, and the patterns with their lines.
func TestRead(t *testing.T) {
	f := func(source, name string, want ...string) {
		t.Helper()
		patterns, err := Read([]byte(source), name)
		if err != nil {
			t.Errorf("Read(%q): %v", source, err)
			return
		}
		var got []string
		for _, p := range patterns {
			got = append(got, fmt.Sprintf("%d %s", p.Line, p.Text))
		}
		if !slices.Equal(got, want) {
			t.Errorf("Read(%q) = %q, want %q", source, got, want)
		}
	}
	f(`["/a", "\u002fb"]`, "", "1 /a", "1 /b")
	f(" [\n'/a',\n// no\n`/b`,];", "", "2 /a", "4 /b")
	f("[]", "")
	f("\ufeff[]", "")
	f("/a\n# about createRouteMatcher\n\n  /b(.*)\r\n", "", "1 /a", "4 /b(.*)")
	f("const x = createRouteMatcher(['/a'])", "", "1 /a")
	f("const x = createRouteMatcher('/a')", "x", "1 /a")
	f("export const m = {\n  x: createRouteMatcher(['/a']),\n  y: createRouteMatcher([])}", "x", "2 /a")
	f(middleware, "isAdmin", "8 /admin(.*)", "9 /café", "9 /A\U0001f4a9/")
	f("createRouteMatcher(['/a\\\nb', `/c\r\nd`])", "", "1 /ab", "2 /c\nd")
}

// TestRead_refused has what is no list, and the words for it.
func TestRead_refused(t *testing.T) {
	f := func(source, name string, messages ...string) {
		t.Helper()
		got, err := Read([]byte(source), name)
		for _, m := range messages {
			if err == nil || !strings.Contains(err.Error(), m) {
				t.Errorf("Read(%q) = %+v, %v, want an error with %q", source, got, err, m)
			}
		}
	}
	in := func(item string) string { return "createRouteMatcher([\n'/a',\n" + item + ",\n'/b'])" }
	f(in("/^x[/]y/i"), "", "line 3: the regular expression")
	f(in("...more"), "", "line 3: a spread")
	f(in("`/${x}`"), "", "line 3: a template with ${}")
	f(in("(req) => ['/x', req]"), "", `line 3: "("`)
	f(in("PATH"), "", `line 3: "PATH"`)
	f(in("'/x' + y"), "", `line 3: "+" stands behind a string`)
	f(in("`/x`.trim()"), "", `line 3: "."`)
	f(in(""), "", "line 3")
	f(in("x, /y/, ...z"), "", `"x"`, `"/y/"`, "a spread")
	f(in(`'/\1'`), "", "line 3: a string has an escape")
	f(in(`'/\ud83d'`), "", "line 3: a string has half")
	f(in("'/x"), "", "line 3: a string does not end")
	f(in("/* '/x'"), "", "a comment has no end")
	f("createRouteMatcher((req) => true)", "", "no plain string")
	f("createRouteMatcher(['/a'].concat(more))", "", `"." stands where the call should end`)
	f("createRouteMatcher(['/a'", "", "the end of the source")
	f("createRouteMatcher(['/a')", "", `")" stands where the list`)
	f("createRouteMatcher()", "", "no plain string")
	f("function createRouteMatcher(routes) {}", "", "does not call it")
	f(middleware, "", "2 lists", `"isPublic" (line 4)`)
	f(middleware, "isPublic", "line 6: a template")
	f(middleware, "isOther", `no list goes to "isOther"`)
	f("['/a'] + x", "", `"+" stands behind the list`)
	f(`{"a": 1}`+"\nimport x\n", "", "line 2")
	f("", "", "no pattern")
	f("/a", "x", "does not call")
	f("/\xff", "", "not UTF-8")
	f("createRouteMatcher(`"+strings.Repeat("${`", 100), "", "a template has no end")
}

// FuzzRead reads any source, and translates what it reads: nothing panics, a mux takes
// all that comes out, and a JSON array of the patterns is the same list.
func FuzzRead(f *testing.F) {
	f.Add(middleware)
	f.Add(`["/a(.*)", "/:id", "/:a/:b?", "/(en|fr)/x"]`)
	f.Add("/foo\n/:id(.*)\n{/:x}?\n/(.+)\n/a%b\n/{}\\{id\\}")
	f.Add("createRouteMatcher(['/x', `${`${'}'}`}`, /[/]/g, ...y])")
	for _, v := range vectors(f) {
		raw, err := json.Marshal(v.Patterns)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, source string) {
		patterns, err := Read([]byte(source), "")
		if err != nil {
			return
		}
		again := readBack(t, patterns)
		for i := range again {
			if again[i].Text != patterns[i].Text {
				t.Fatalf("pattern %d of %q reads back as %q", i, patterns[i].Text, again[i].Text)
			}
		}
		r, err := carry(t, patterns)
		if err != nil {
			return
		}
		mux := http.NewServeMux()
		for _, e := range r.Entries {
			for _, match := range e.Matches {
				if err := register(mux, match); err != nil {
					t.Fatalf("%q of %q: %v", match, e.Pattern.Text, err)
				}
			}
		}
	})
}

// readBack reads a list out of its JSON.
func readBack(t *testing.T, patterns []Pattern) []Pattern {
	t.Helper()
	texts := []string{}
	for _, p := range patterns {
		texts = append(texts, p.Text)
	}
	raw, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), function) {
		return patterns
	}
	again, err := Read(raw, "")
	if err != nil || len(again) != len(patterns) {
		t.Fatalf("Read(%s) = %+v, %v, want %d patterns", raw, again, err, len(patterns))
	}
	return again
}
