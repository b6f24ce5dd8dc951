package audit

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// visible escapes what callers can have a terminal or a reader of lines take for an order:
// DEL and the controls of ISO 6429 beyond ASCII, the separators U+2028 and U+2029, and what
// turns the direction of text. JSON has other controls escaped in any case.
func visible(line []byte) []byte {
	if !mayHide(line) {
		return line
	}
	out := make([]byte, 0, len(line)+64)
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if r >= utf8.RuneSelf-1 && hides(r) {
			out = fmt.Appendf(out, `\u%04X`, r)
		} else {
			out = append(out, line[:n]...)
		}
		line = line[n:]
	}
	return out
}

// mayHide reports whether there may be anything to escape, by the octets that begin it.
func mayHide(line []byte) bool {
	for _, first := range []byte{0x7f, 0xc2, 0xd8, 0xe2} {
		if bytes.IndexByte(line, first) >= 0 {
			return true
		}
	}
	return false
}

func hides(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
