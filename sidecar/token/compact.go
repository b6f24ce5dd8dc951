package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// base64url is the encoding of RFC 7515 section 2: URL alphabet, no padding, and no bits
// left over in the last character, so that a value has one spelling only. It skips line
// breaks, which [decodePart] therefore refuses.
var base64url = base64.RawURLEncoding.Strict()

// A compact is a JWS in compact serialization (RFC 7515 section 7.1), taken apart but not
// verified. The payload has memory of its own, the other parts share one piece.
type compact struct {
	size      int
	header    header
	head      []byte // the header object as it was signed
	payload   []byte
	signature []byte
	signed    []byte // the JWS signing input: the first two parts with their dot
}

// compacts are for [Verifier.Verify], which keeps nothing of one but its payload.
var compacts = sync.Pool{New: func() any { return new(compact) }}

// maxSpare is the most memory that a compact in compacts holds.
const maxSpare = 2 * DefaultMaxBytes

// done gives c back to compacts.
func (c *compact) done() {
	spare := c.signed[:0]
	if cap(spare) > maxSpare {
		spare = nil
	}
	*c = compact{signed: spare}
	compacts.Put(c)
}

// parseCompact is [compact.parse] of a new one.
func parseCompact(raw string, maxBytes int) (*compact, error) {
	c := new(compact)
	if err := c.parse(raw, maxBytes); err != nil {
		return nil, err
	}
	return c, nil
}

// parse takes raw apart. The size is looked at before anything else, and the parts are
// counted before any is decoded, so that a hostile token costs no memory. The payload may be
// any bytes, also none: what it must be is for the caller to say. After an error c holds
// nothing of use.
func (c *compact) parse(raw string, maxBytes int) (err error) {
	if len(raw) > maxBytes {
		return fmt.Errorf("%d bytes are more than the limit of %d", len(raw), maxBytes)
	}
	if n := strings.Count(raw, "."); n != 2 {
		return fmt.Errorf("%d parts, want 3", n+1)
	}
	first, last := strings.IndexByte(raw, '.'), strings.LastIndexByte(raw, '.')
	c.size = len(raw)
	size := last + base64url.DecodedLen(first) + base64url.DecodedLen(len(raw)-last-1)
	rest := append(slices.Grow(c.signed[:0], size), raw[:last]...)
	if rest, err = decodePart(rest, raw[:first]); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if c.payload, err = decodePart(nil, raw[first+1:last]); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	end := len(rest)
	if rest, err = decodePart(rest, raw[last+1:]); err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	c.signed, c.head, c.signature = rest[:last], rest[last:end:end], rest[end:]
	if len(c.signature) == 0 {
		return errors.New("signature: empty")
	}
	if c.header, err = parseHeader(c.head); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return nil
}

// decodePart appends what one part encodes, strictly.
func decodePart(dst []byte, part string) ([]byte, error) {
	if strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 {
		return nil, errors.New("a line break in base64url")
	}
	data, err := base64url.AppendDecode(dst, []byte(part))
	if err != nil {
		return nil, errors.New("not unpadded base64url")
	}
	return data, nil
}
