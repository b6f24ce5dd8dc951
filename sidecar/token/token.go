// Package token turns a compact JWS into verified claims, and holds the key sets that
// verify it.
//
// A strict parse of our own stands in front of the signature library, because that
// library is lenient: it takes padded base64, data after the payload object and headers
// that contradict the key. It is asked for two things only, to build a public key from a
// JWK and to check a signature. No other package imports it, so replacing it is a change
// to this one.
//
// Nothing here talks to the network while a request waits: a key set that comes from a
// URL is fetched by [Keys.Run], in the background.
package token

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// Claims is what a verified token says. It is immutable and shared between requests:
// nobody may write to Payload.
type Claims struct {
	// Issuer is the exact iss, which is the configured issuer.
	Issuer string
	// Subject is sub, never empty.
	Subject string
	// Expires, NotBefore and IssuedAt are Unix seconds. A fraction is cut off Expires and
	// IssuedAt, and rounds NotBefore up, so that no reading of it lets a token live longer.
	// NotBefore and IssuedAt are 0 where the claim is absent.
	Expires, NotBefore, IssuedAt int64
	// Payload is the whole payload object: unique names at every depth, valid UTF-8.
	Payload jsontext.Value
	// Size is the length of the compact token in bytes.
	Size int

	issuer *issuer
	keys   *KeySet
	// usableFrom is the later of nbf and iat, each rounded up.
	usableFrom int64
}

// Current reports whether the key set that verified c is still its issuer's current one.
// A cached token for which it is false must be verified again: its key may be withdrawn.
func (c *Claims) Current() bool {
	return c.issuer != nil && c.keys != nil && c.issuer.keys.set.Load() == c.keys
}

// An Error says why a token was refused. Code is safe to show, to log and to count; Err
// is for the log alone. Neither holds token text beyond short quoted claim values.
type Error struct {
	Code decision.Code
	Err  error
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of an error of this package. Any other error is token_malformed: a
// token that nobody could judge is not a good one.
func CodeOf(err error) decision.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return decision.TokenMalformed
}

// refuse makes the error for one refusal.
func refuse(code decision.Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}
