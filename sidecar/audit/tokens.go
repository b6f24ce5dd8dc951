package audit

import (
	"bytes"
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
			return jws.ReplaceAll(line, []byte("[token]"))
		}
	}
	return line
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
