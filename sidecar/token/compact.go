package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// base64url is the encoding of RFC 7515 section 2: URL alphabet, no padding, and no bits
// left over in the last character, so that a value has one spelling only. It skips line
// breaks, which [decodePart] therefore refuses.
var base64url = base64.RawURLEncoding.Strict()

// A compact is a JWS in compact serialization (RFC 7515 section 7.1), taken apart but not
// verified.
type compact struct {
	size      int
	header    header
	head      []byte // the header object as it was signed
	payload   []byte
	signature []byte
	signed    []byte // the JWS signing input: the first two parts with their dot
}

// parseCompact takes raw apart. The size is looked at before anything else, and the parts
// are counted before any is decoded, so that a hostile token costs no memory. The payload
// may be any bytes, also none: what it must be is for the caller to say.
func parseCompact(raw string, maxBytes int) (*compact, error) {
	if len(raw) > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d", len(raw), maxBytes)
	}
	if n := strings.Count(raw, "."); n != 2 {
		return nil, fmt.Errorf("%d parts, want 3", n+1)
	}
	first, last := strings.IndexByte(raw, '.'), strings.LastIndexByte(raw, '.')
	c := &compact{size: len(raw)}
	// Only the payload is kept. The rest shares one piece of memory.
	rest := make([]byte, 0, last+base64url.DecodedLen(first)+base64url.DecodedLen(len(raw)-last-1))
	rest = append(rest, raw[:last]...)
	var err error
	if rest, err = decodePart(rest, raw[:first]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if c.payload, err = decodePart(nil, raw[first+1:last]); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	end := len(rest)
	if rest, err = decodePart(rest, raw[last+1:]); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	c.signed, c.head, c.signature = rest[:last:last], rest[last:end:end], rest[end:]
	if len(c.signature) == 0 {
		return nil, errors.New("signature: empty")
	}
	if c.header, err = parseHeader(c.head); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return c, nil
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
