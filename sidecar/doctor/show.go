package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// mostShown is how many bytes of one text are shown.
const mostShown = 512

// show makes text of unknown origin fit for a line: as it is, if it is one printable word
// that can be mistaken for nothing else, and quoted otherwise.
func show(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(" \"…", r) }
	if s == "" || len(s) > mostShown || !utf8.ValidString(s) || strings.ContainsFunc(s, odd) {
		return quote(s)
	}
	return s
}

// showJSON makes a JSON value of unknown origin fit for a line: as it stands, if all of it
// is printable.
func showJSON(value []byte) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if s := string(value); len(s) <= mostShown && utf8.ValidString(s) && !strings.ContainsFunc(s, odd) {
		return s
	}
	return quote(string(value))
}

// quote is Go's form of a string, of a long one the beginning.
func quote(s string) string {
	if len(s) <= mostShown {
		return strconv.Quote(s)
	}
	end := mostShown
	for end > mostShown-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strconv.Quote(s[:end]) + "…"
}

// Printable replaces what a terminal may take for an order, which is all that is not
// printable and no line end, by an escape.
func Printable(text string) string {
	clean := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) }
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case clean(r):
			b.WriteString(text[:n])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// JSON is the report as one JSON object, indented, with a line end. What is not printable
// is escaped as JSON escapes it.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.Marshal(r, jsontext.Multiline(true), jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, c := range string(text) {
		switch {
		case c == '\n' || unicode.IsPrint(c):
			b.WriteRune(c)
		case c > 0xffff:
			// Beyond the basic plane JSON escapes the two halves (RFC 8259 section 7).
			c -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	b.WriteByte('\n')
	return []byte(b.String()), nil
}
