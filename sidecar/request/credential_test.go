package request

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// header reads header lines as they come over the wire.
func header(t testing.TB, lines ...string) *fasthttp.RequestHeader {
	t.Helper()
	var h fasthttp.RequestHeader
	text := "GET /v1/session HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	if err := h.Read(bufio.NewReader(strings.NewReader(text))); err != nil {
		t.Fatal(err)
	}
	return &h
}

func TestFindCredential(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		got := FindCredential(header(t, lines...), []string{"__session", "portal"})
		if got.Token+string(got.Code) != want || (got.Token == "") == (got.Code == "") {
			t.Errorf("%q: %+v, want %s", lines, got, want)
		}
	}
	f("token_missing")
	f("a.b.c", "Authorization: Bearer a.b.c")
	f("a.b.c", "authorization: bearer a.b.c")
	f("a.b.c", "AUTHORIZATION: BEARER   a.b.c  ")
	f("a.b.c", "Authorization: Bearer a.b.c", "Authorization: Bearer a.b.c")
	f("credentials_ambiguous", "Authorization: Bearer a.b.c", "Authorization: Bearer a.b.d")
	f("credentials_ambiguous", "Authorization: Bearer a.b.c", "Authorization: bearer a.b.c")
	f("credentials_ambiguous", "Authorization: Bearer a.b.c, Bearer a.b.d")
	f("credentials_ambiguous", "Authorization: Bearer a.b.c", "Authorization:")
	f("token_missing", "Authorization: Bearer", "Cookie: __session=a.b.c")
	f("token_missing", "Authorization: Bearer    ", "Cookie: __session=a.b.c")
	f("token_malformed", "Authorization:", "Cookie: __session=a.b.c")
	f("token_malformed", "Authorization: Basic eDp5", "Cookie: __session=a.b.c")
	f("token_malformed", "Authorization: Bearera.b.c")
	f("token_malformed", "Authorization: a.b.c")
	f("token_malformed", "Authorization: Bearer\ta.b.c")
	f("a b", "Authorization: Bearer a b") // the strict parse refuses it
	f("token_missing", "Proxy-Authorization: Bearer a.b.c", "X-Authorization: Bearer a.b.c")

	f("a.b.c", "Cookie: __session=a.b.c")
	f("a.b.c", "Cookie: x=1;__session=a.b.c ;y")
	f("a.b.c", "Cookie: x=1", "Cookie: __session=a.b.c")
	f("a.b.c", "Cookie: portal=a.b.c")
	f("a.b.c", "Cookie: __session=a.b.c; __session=a.b.c; portal=a.b.c")
	f("credentials_ambiguous", "Cookie: __session=; __session=a.b.c")
	f("credentials_ambiguous", "Cookie: __session=a.b.c; __session=")
	f("a=b", "Cookie: __session=a=b")
	f("credentials_ambiguous", "Cookie: __session=a.b.c; __session=a.b.d")
	f("credentials_ambiguous", "Cookie: __session=a.b.c", "Cookie: __session=a.b.d")
	f("credentials_ambiguous", "Cookie: __session=a.b.c; portal=a.b.d")
	f("token_missing", "Cookie: __SESSION=a.b.c")
	f("token_missing", "Cookie: __session_x=a.b.c; x__session=a.b.c")
	f("token_missing", "Cookie: __session")
	f("token_missing", "Cookie: __session=")
	f("token_missing", "Cookie2: __session=a.b.c", "Set-Cookie: __session=a.b.c")
}
