package audit

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// twoTokens are an object that two tokens are names in, as a caller may send it.
const twoTokens = `{"eyJhbGciOiJSUzI1NiJ9aaaa":1,"[token] 2":2e1,"eyJhbGciOiJSUzI1NiJ9bbbb":[{"eyJhbGciOiJSUzI1NiJ9cccc":"\\"}]}`

// TestWithoutTokens_names: names that were tokens are told apart, for who reads strictly.
func TestWithoutTokens_names(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := string(withoutTokens([]byte(text + "\n")))
		if got != want+"\n" || !jsontext.Value(got).IsValid() {
			t.Errorf("withoutTokens(%s) = %s, want %s", text, got, want)
		}
	}
	f(twoTokens, `{"[token]":1,"[token] 2":2e1,"[token] 3":[{"[token]":"\\"}]}`)
	const a, b = `"eyJhbGciOiJSUzI1NiJ9aaaa"`, `"eyJhbGciOiJSUzI1NiJ9bbbb"`
	f(`{`+a+`:1,`+b+`:2,"[token] 2":3,"[token] 2 2":4}`, `{"[token]":1,"[token] 2":2,"[token] 2 2":3,"[token] 2 2 2":4}`)
	f(`{"a":{`+a+`:1},"b":{`+a+`:["\u001b",-0.10]}}`, `{"a":{"[token]":1},"b":{"[token]":["\u001B",-0.10]}}`)
}

// TestUpload_tokensForNames: nobody keeps a record from a server by sending names that look
// like tokens.
func TestUpload_tokensForNames(t *testing.T) {
	s := take(t)
	l := opened(t, s.options())
	l.Write(&Record{ID: "d", Required: true, Input: jsontext.Value(`{"check":{"resource":` + twoTokens + `}}`)})
	shut(l)
	if st := l.Status(); st.Records[Written] != 1 || l.Lost() != 0 {
		t.Fatalf("status %+v", st)
	}
	if n := s.got(); n != 1 {
		t.Errorf("the server has %d records, want 1", n)
	}
}
