package request

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What follows is the path rule and the rule for hosts written out, without a short way for
// what is plain. What the package does must be the same.

func slowParseTarget(raw string) (Target, error) {
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
	if t.Path, err = slowDecodePath(encoded); err == nil {
		err = slowCheckPath(t.Path)
	}
	if err != nil {
		return Target{}, err
	}
	return t, nil
}

func slowDecodePath(encoded string) (string, error) {
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

func slowCheckPath(path string) error {
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

func slowNormalHost(raw string) (string, error) {
	bad := errors.New("the host is no name or address with an optional port")
	name := raw
	if strings.HasPrefix(raw, "[") {
		end := strings.IndexByte(raw, ']')
		if end < 0 {
			return "", bad
		}
		address, err := netip.ParseAddr(raw[1:end])
		if err != nil || !address.Is6() || address.Zone() != "" || !isPort(raw[end+1:]) {
			return "", bad
		}
		return "[" + address.String() + "]", nil
	}
	if i := strings.IndexByte(raw, ':'); i >= 0 {
		if !isPort(raw[i:]) {
			return "", bad
		}
		name = raw[:i]
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > maxHost {
		return "", bad
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", bad
		}
	}
	return name, nil
}

// words is an error's text, "" where there is none.
func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// samePath compares both forms of the path rule, on a target and on a path.
func samePath(t *testing.T, s string) {
	t.Helper()
	got, err := ParseTarget(s)
	want, wantErr := slowParseTarget(s)
	if got != want || words(err) != words(wantErr) {
		t.Errorf("ParseTarget(%q) = %+v, %v; want %+v, %v", s, got, err, want, wantErr)
	}
	if err, want := CheckPath(s), slowCheckPath(s); words(err) != words(want) {
		t.Errorf("CheckPath(%q) = %v, want %v", s, err, want)
	}
}

// FuzzParseTarget_same: the short way changes nothing about the path rule.
func FuzzParseTarget_same(f *testing.F) {
	for _, v := range vectors(f) {
		if len(v.Raw) < 1000 {
			f.Add(v.Raw)
		}
	}
	f.Fuzz(samePath)
}

// TestParseTarget_same: nor does it on the vectors, on every pair of octets wherever it may
// stand, and around the bounds.
func TestParseTarget_same(t *testing.T) {
	for _, v := range vectors(t) {
		samePath(t, v.Raw)
	}
	for a := range 256 {
		for b := range 256 {
			pair := string([]byte{byte(a), byte(b)})
			for _, s := range []string{pair, "/" + pair, "/x" + pair + "y", "/x/" + pair + "/y", "/x?" + pair, "/x" + pair + "/", "/x" + pair + "?/y"} {
				samePath(t, s)
			}
		}
	}
	short := "/" + strings.Repeat("a", maxTarget-1)
	for _, s := range []string{
		short, short + "a", short[:maxTarget-4] + "?abc", short[:maxTarget-4] + "?abcd",
		strings.Repeat("/a", maxSegments), strings.Repeat("/a", maxSegments+1), strings.Repeat("/a", maxSegments) + "/", strings.Repeat("/a", maxSegments-1) + "/",
	} {
		samePath(t, s)
		samePath(t, s+"?")
	}
}

// sameHost compares both forms of the rule for hosts.
func sameHost(t *testing.T, s string) {
	t.Helper()
	got, err := NormalHost(s)
	if want, wantErr := slowNormalHost(s); got != want || words(err) != words(wantErr) {
		t.Errorf("NormalHost(%q) = %q, %v; want %q, %v", s, got, err, want, wantErr)
	}
}

// FuzzNormalHost_same: the short way changes nothing about hosts.
func FuzzNormalHost_same(f *testing.F) {
	for _, s := range []string{"a.example", "A.example:80", "a..b", ".a", "a.", "[::1]:443", "a_b-c.0", "a:0", strings.Repeat("a", maxHost), strings.Repeat("a", maxHost+1)} {
		f.Add(s)
	}
	f.Fuzz(sameHost)
}

func TestNormalHost_same(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			pair := string([]byte{byte(a), byte(b)})
			for _, s := range []string{pair, "a" + pair, pair + "a", "a" + pair + "b", strings.Repeat("a", maxHost-1) + pair} {
				sameHost(t, s)
			}
		}
	}
	for n := range 3 {
		sameHost(t, strings.Repeat("a", maxHost-1+n))
	}
}
