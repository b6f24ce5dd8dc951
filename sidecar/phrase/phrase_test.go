package phrase

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestQuote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Quote(in); got != want {
			t.Fatalf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
	f("", `""`)
	f("a", `"a"`)
	f("é", `"é"`)
	f("a\"\n\x00\u202e\xff", `"a\"\n\x00\u202e\xff"`)
	f("a\x1b[31m", `"a\x1b[31m"`)
	f(strings.Repeat("a", 80), `"`+strings.Repeat("a", 80)+`"`)
	f(strings.Repeat("a", 81), `"`+strings.Repeat("a", 80)+`"…`)
	f(strings.Repeat("é", 100), `"`+strings.Repeat("é", 40)+`"…`)
	f("a"+strings.Repeat("é", 100), `"a`+strings.Repeat("é", 39)+`"…`)
	f("abc"+strings.Repeat("\U0001f511", 100), `"abc`+strings.Repeat("\U0001f511", 19)+`"…`)
	// What is no UTF-8 has no characters to keep whole.
	f(strings.Repeat("\x80", 100), `"`+strings.Repeat(`\x80`, 76)+`"…`)
}

func TestOneLine(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := OneLine(in); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
	f("", "")
	f("a b", "a b")
	f("  a \t\r\n b\u2028c\u00a0d ", "a b c d")
	f("a\x1b[31m\u202eb\x00", "a [31m b")
	f("é \U0001f511", "é \U0001f511")
	// What is no UTF-8 may be half of a terminal's order in another encoding.
	f("a\xff\x9bb", "a\uFFFDb")
	f("\n\x00\u200b", "")
}

func TestVisible(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
	f("", "")
	f("a\tb  é \U0001f511\n", "a\tb  é \U0001f511\n")
	f("a\x1b[31m\r\n\u202eb\u009b\x00", `a\u001b[31m\u000d`+"\n"+`\u202eb\u009b\u0000`)
	f("\U000e0041", `\udb40\udc41`)
	f("a\xff\x9bb", "a\uFFFDb")
}

func TestSuggest(t *testing.T) {
	candidates := []string{"listen", "issuers", "check", "opa", "roles", "role_sets", "plans", "settings", "resource", "k"}
	f := func(name, want string) {
		t.Helper()
		if got := Suggest(name, candidates); got != want {
			t.Errorf("Suggest(%.20q) = %q, want %q", name, got, want)
		}
	}
	f("listne", "listen")
	f("issuer", "issuers")
	f("chekc", "check")
	f("oap", "opa")
	f("role", "roles")
	f("rolse", "roles")
	f("role-sets", "role_sets")
	f("planes", "plans")
	f("Plans", "plans")
	f("RESORCE", "resource")
	f("x", "")
	f("", "")
	f("xyz", "")
	f("tokens", "")
	f("kk", "")
	f(strings.Repeat("listen", 1000), "")
	f("listen\x00\x00\x00\x00", "")
}

// The order in which a map gives its keys does not show.
func TestSuggest_ties(t *testing.T) {
	for _, candidates := range [][]string{{"pla", "plb", "plc"}, {"plc", "plb", "pla"}, {"plb", "plc", "pla"}} {
		if got := Suggest("plx", candidates); got != "pla" {
			t.Errorf("Suggest(%q, %q) = %q, want %q", "plx", candidates, got, "pla")
		}
	}
	if got := Suggest("plc", []string{"pla", "plc"}); got != "plc" {
		t.Errorf("Suggest = %q, want the name itself", got)
	}
}

// Two long names would take time in proportion to the product of their lengths.
func TestSuggest_long(t *testing.T) {
	name := strings.Repeat("a", longest)
	if got := Suggest(name, []string{name[1:]}); got != name[1:] {
		t.Errorf("Suggest of %d bytes = %.20q, want a name", len(name), got)
	}
	huge := strings.Repeat("a", 1<<22)
	if got := Suggest(huge, []string{huge[1:]}); got != "" {
		t.Errorf("Suggest of %d bytes = %.20q, want none", len(huge), got)
	}
}

func TestDidYouMean(t *testing.T) {
	f := func(suggestion, want string) {
		t.Helper()
		if got := DidYouMean(suggestion); got != want {
			t.Errorf("DidYouMean(%q) = %q, want %q", suggestion, got, want)
		}
	}
	f("roles", `; did you mean "roles"?`)
	f("a\nb", `; did you mean "a\nb"?`)
	f("", "")
}

func FuzzQuote(f *testing.F) {
	f.Add("a")
	f.Add("\x1b[31m\r\n")
	f.Add(strings.Repeat("é", 100))
	f.Add(strings.Repeat("\xff", 100))
	f.Fuzz(func(t *testing.T, s string) {
		got := Quote(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("Quote(%q) = %q, want printable UTF-8", s, got)
		}
		if len(got) > 4*most+len(`""…`) {
			t.Fatalf("Quote(%.100q) has %d bytes", s, len(got))
		}
		text, err := strconv.Unquote(strings.TrimSuffix(got, "…"))
		if err != nil || !strings.HasPrefix(s, text) || utf8.ValidString(s) && !utf8.ValidString(text) {
			t.Fatalf("Quote(%q) = %q, %v, want a beginning of it in whole characters", s, got, err)
		}
	})
}
