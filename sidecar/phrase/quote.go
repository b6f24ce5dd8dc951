// Package phrase has the turns of speech that errors of every package share: how text of
// unknown origin is quoted or made one line, and what may have been meant by a name that
// nothing has.
package phrase

import (
	"fmt"
	"strings"
	"unicode"
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
