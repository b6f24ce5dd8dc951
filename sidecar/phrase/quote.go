// Package phrase has the turns of speech that errors of every package share: how text of
// unknown origin is quoted or made one line, and what may have been meant by a name that
// nothing has.
package phrase

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// most is how many bytes of a text an error quotes.
const most = 80

// Quote makes s fit for one line of an error or a log: quoted as by %q, so that nothing
// in it is a control character or invalid UTF-8, and of its first 80 bytes at most. Where
// it cuts, which is never within a character, it leaves … behind the quote.
func Quote(s string) string {
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%q…", s[:end])
}

// OneLine makes s fit for one line of a terminal or of a comment, as it stands and not
// quoted: valid UTF-8, printable, its words apart by one space. It cuts nothing off.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// Visible makes text of several lines fit for a terminal, and leaves JSON what it says: what
// is neither printable nor a space, a tab or a line end is written as \u and its number. What
// is no UTF-8 becomes the replacement character.
func Visible(s string) string {
	hidden := func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
