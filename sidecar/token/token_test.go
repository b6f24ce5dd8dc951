package token

import (
	"errors"
	"fmt"
	"testing"

	"postern/sidecar/decision"
)

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
