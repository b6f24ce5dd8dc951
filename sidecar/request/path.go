package request

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a target, in bytes, and of its path, in segments.
const (
	maxTarget   = 8 << 10
	maxSegments = 256
)

// A Target is where a request goes: the path that policy decides on, which is the path
// that the upstream serves, and the query, which is no part of it.
type Target struct {
	// Path is decoded once. It begins with a slash, and its segments are neither empty nor
	// dots; only the last one may be empty, after a final slash.
	Path string
	// Query is what stands behind the first question mark, as it was sent.
	Query string
	// Raw is the whole target as it was sent.
	Raw string
}

// Segments are the path's parts between slashes: none for "/", and a last empty one where
// the path ends in a slash.
func (t Target) Segments() []string {
	if t.Path == "/" {
		return nil
	}
	return strings.Split(t.Path[1:], "/")
}

// ParseTarget reads the raw target of a request line in origin form (RFC 9112 section
// 3.2.1): a path and perhaps a query. It is the one path rule of every door. The path is
// percent-decoded exactly once, and whatever two readers could take for different paths
// is an error: dot segments, empty segments, backslashes, encoded separators of path,
// query, fragment or parameters, a percent sign that could be decoded a second time,
// segments that end in a dot or a space, which some systems drop, other blanks, control and
// invisible characters, bytes that are no UTF-8, characters that normalise to one of these, two
// paths joined by a comma, and bad escapes. The error's text is for a developer.
func ParseTarget(raw string) (Target, error) {
	if t, ok := plainTarget(raw); ok {
		return t, nil
	}
	if len(raw) > maxTarget {
		return Target{}, fmt.Errorf("the target is longer than %d bytes", maxTarget)
	}
	if strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f }) >= 0 {
		return Target{}, errors.New("the target has a byte in it that is not printable ASCII; percent-encode it")
	}
	if strings.Contains(raw, "#") {
		return Target{}, errors.New("the target has a fragment")
	}
	t := Target{Raw: raw}
	encoded := raw
	encoded, t.Query, _ = strings.Cut(raw, "?")
	if !strings.HasPrefix(encoded, "/") {
		return Target{}, errors.New("the target is no path: it does not begin with a slash")
	}
	// Where proxies joined two and the first has a query, the comma stands in that.
	if strings.Contains(t.Query, ",/") {
		return Target{}, errors.New("the target seems to be several, joined by a comma")
	}
	var err error
	if t.Path, err = decodePath(encoded); err == nil {
		err = CheckPath(t.Path)
	}
	if err != nil {
		return Target{}, err
	}
	return t, nil
}

// decodePath decodes percent escapes once. An escape may not stand for what separates.
func decodePath(encoded string) (string, error) {
	if !strings.Contains(encoded, "%") {
		return encoded, nil
	}
	decoded := make([]byte, 0, len(encoded))
	for i := 0; i < len(encoded); i++ {
		if encoded[i] != '%' {
			decoded = append(decoded, encoded[i])
			continue
		}
		if i+2 >= len(encoded) || !isHex(encoded[i+1]) || !isHex(encoded[i+2]) {
			return "", errors.New("the path has a percent sign without two hexadecimal digits")
		}
		b := unhex(encoded[i+1])<<4 | unhex(encoded[i+2])
		if strings.IndexByte(`/\?#;`, b) >= 0 {
			return "", fmt.Errorf("the path has an encoded %q in it", b)
		}
		decoded = append(decoded, b)
		i += 2
	}
	return string(decoded), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// isUnicodeEscape reports whether s, behind a percent sign, is uXXXX, which some servers
// decode.
func isUnicodeEscape(s string) bool {
	return len(s) >= 5 && (s[0] == 'u' || s[0] == 'U') && isHex(s[1]) && isHex(s[2]) && isHex(s[3]) && isHex(s[4])
}

// lookalikes are characters that compatibility normalisation (NFKC) turns into one that
// separates or escapes, alone or with others: full-width and small forms, and ligatures
// such as the ellipsis and the care-of sign; and slashes that old code pages fold.
const lookalikes = "⁄∕∖\u037e․‥…⁇⁈⁉℀℁℅℆⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛㏂㏇㏘︔︖︙︰﹒﹔﹖﹟﹨﹪＃％．／；？＼🄀"

// CheckPath accepts a decoded path that every reader takes for the same.
func CheckPath(path string) error {
	if n, ok := plainPath(path); ok && n == len(path) {
		return nil
	}
	if !strings.HasPrefix(path, "/") {
		return errors.New("the path does not begin with a slash")
	}
	if !utf8.ValidString(path) {
		return errors.New("the path is not valid UTF-8")
	}
	// Proxies join the values of several headers with a comma.
	if strings.Contains(path, ",/") {
		return errors.New("the path seems to be several, joined by a comma")
	}
	for i, r := range path {
		switch {
		case strings.ContainsRune(`\?#;`, r):
			return fmt.Errorf("the path has a %q in it", r)
		case r == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			return errors.New("the path is encoded twice")
		case r == '%' && strings.IndexFunc(path[i+1:min(i+7, len(path))], func(r rune) bool { return r >= utf8.RuneSelf }) >= 0:
			return errors.New("the path has a percent sign before characters that may normalise to digits")
		case r == '%' && isUnicodeEscape(path[i+1:]):
			return errors.New("the path has an escape of the form %uXXXX in it")
		case r != ' ' && unicode.IsSpace(r):
			return fmt.Errorf("the path has the blank %U in it, which some readers take for a space", r)
		case !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return fmt.Errorf("the path has the control or invisible character %U in it", r)
		case r >= utf8.RuneSelf && strings.ContainsRune(lookalikes, r):
			return fmt.Errorf("the path has %U in it, which some readers take for a separator", r)
		}
	}
	segments := strings.Split(path[1:], "/")
	if len(segments) > maxSegments {
		return fmt.Errorf("the path has more than %d segments", maxSegments)
	}
	for i, s := range segments {
		switch {
		case s == "" && i < len(segments)-1:
			return errors.New("the path has an empty segment")
		case s == "." || s == "..":
			return errors.New("the path has a dot segment")
		case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " ") || strings.HasPrefix(s, " "):
			return errors.New("the path has a segment that ends in a dot, or begins or ends with a space")
		}
	}
	return nil
}
