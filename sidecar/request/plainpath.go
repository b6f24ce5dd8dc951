package request

import "strings"

// ordinary are the characters of a path that stand for themselves wherever they stand: those
// of ASCII that are visible, less a slash and whatever [CheckPath] looks at. A dot and a
// comma are among them, and mean something before a slash.
var ordinary = func() (table [256]bool) {
	for c := byte('!'); c <= '~'; c++ {
		table[c] = strings.IndexByte(`/\?#;%`, c) < 0
	}
	return table
}()

// plainPath looks at the path that s begins with, up to a question mark. Where it is one that
// the path rule accepts as it stands, which most are, ok says so; anything else is for the
// rule itself to judge.
func plainPath(s string) (length int, ok bool) {
	if s == "" || s[0] != '/' {
		return 0, false
	}
	segments, i := 1, 1
	for ; i < len(s) && s[i] != '?'; i++ {
		switch c := s[i]; {
		case ordinary[c]:
		case c == '/' && s[i-1] != '/' && s[i-1] != '.' && s[i-1] != ',':
			segments++
		default:
			return 0, false
		}
	}
	return i, segments <= maxSegments && s[i-1] != '.'
}

// plainTarget reads a target that has a plain path and no byte in its query that
// [ParseTarget] looks at.
func plainTarget(raw string) (t Target, ok bool) {
	if len(raw) > maxTarget {
		return Target{}, false
	}
	length, ok := plainPath(raw)
	if !ok {
		return Target{}, false
	}
	t = Target{Path: raw[:length], Raw: raw}
	if length == len(raw) {
		return t, true
	}
	t.Query = raw[length+1:]
	for i := range len(t.Query) {
		if c := t.Query[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return Target{}, false
		}
	}
	return t, !strings.Contains(t.Query, ",/")
}
