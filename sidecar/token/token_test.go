package token

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/sidecar/decision"
)

func TestQuote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := quote(in); got != want {
			t.Fatalf("quote(%q) = %s, want %s", in, got, want)
		}
	}
	f("", `""`)
	f("a", `"a"`)
	f("a\"\n\x00é\xff", `"a\"\n\x00\u00e9\xff"`)
	f(strings.Repeat("a", 64), `"`+strings.Repeat("a", 64)+`"`)
	f(strings.Repeat("a", 65), `"`+strings.Repeat("a", 64)+`"...`)
	f(strings.Repeat("a", 63)+"é", `"`+strings.Repeat("a", 63)+`"...`)
}

func TestError(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("outer: %w", refuse(decision.TokenExpired, "inner: %w", cause))
	if !errors.Is(err, cause) || CodeOf(err) != decision.TokenExpired {
		t.Fatalf("%v: does not unwrap to its cause, or has the code %q", err, CodeOf(err))
	}
	if got, want := err.Error(), "outer: token_expired: inner: cause"; got != want {
		t.Fatalf("Error = %q, want %q", got, want)
	}
}
