package audit

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
)

// jws is what a token looks like. The header of a compact JWS is an object, and so begins
// with {" in base64url; it may stand alone, where a caller took the token apart. With other
// white space behind the brace, all three parts must be there. A dot may be percent-encoded,
// as no other character of a token needs to be.
var jws = regexp.MustCompile(`eyJ[A-Za-z0-9_-]*(?:\.|%2[Ee])[A-Za-z0-9_-]+(?:(?:\.|%2[Ee])[A-Za-z0-9_-]*)?` +
	`|eyJ[A-Za-z0-9_-]{16,}` +
	`|e(?:yA|wo|wk|w0)[A-Za-z0-9_-]{8,}(?:\.|%2[Ee])[A-Za-z0-9_-]{8,}(?:\.|%2[Ee])[A-Za-z0-9_-]{16,}`)

// openings are how a token can begin.
var openings = [...][]byte{[]byte("eyJ"), []byte("eyA"), []byte("ewo"), []byte("ewk"), []byte("ew0")}

var escaped = []byte(`\u`)

// withoutTokens takes whatever looks like a token out of a line.
func withoutTokens(line []byte) []byte {
	if bytes.Contains(line, escaped) {
		// An escape may stand for a letter of a token. Plain strings have none but for controls.
		if plain, err := jsontext.AppendFormat(nil, line); err == nil {
			line = append(plain, '\n')
		}
		upperEscapes(line)
	}
	for _, o := range openings {
		if bytes.Contains(line, o) {
			return namedApart(jws.ReplaceAll(line, []byte("[token]")))
		}
	}
	return line
}

// namedApart numbers the names that an object has twice: tokens may have been names, and
// whoever reads strictly takes no object in which two are the same.
func namedApart(line []byte) []byte {
	if jsontext.Value(line).IsValid() {
		return line
	}
	var out bytes.Buffer
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	d, e := jsontext.NewDecoder(bytes.NewReader(line), lenient...), jsontext.NewEncoder(&out, lenient...)
	var open []map[string]int // how often each name was there, of the objects that are open
	for first := true; first || d.StackDepth() > 0; first = false {
		in, members := d.StackIndex(d.StackDepth())
		token, err := d.ReadToken()
		if err != nil {
			return line
		}
		switch kind := token.Kind(); {
		case kind == '{', kind == '[':
			open = append(open, map[string]int{})
		case kind == '}', kind == ']':
			open = open[:len(open)-1]
		case in == '{' && members%2 == 0:
			token = jsontext.String(apart(open[len(open)-1], token.String()))
		}
		if err := e.WriteToken(token); err != nil {
			return line
		}
	}
	return out.Bytes() // which ends with a line feed
}

// apart is a name that was not there yet.
func apart(names map[string]int, name string) string {
	own := name
	for names[own] > 0 {
		names[name]++
		own = fmt.Sprintf("%s %d", name, names[name])
	}
	names[own]++
	return own
}

// upperEscapes writes the digits of escapes in upper case: a control is always escaped, and
// the e of \u000e must not be taken for the beginning of a token. Half an escape is no JSON.
func upperEscapes(line []byte) {
	for i := 0; i+1 < len(line); i++ {
		if line[i] != '\\' {
			continue
		}
		i++ // what is escaped may be a backslash
		if line[i] == 'u' {
			end := min(i+5, len(line))
			copy(line[i+1:end], bytes.ToUpper(line[i+1:end]))
			i = end - 1
		}
	}
}
