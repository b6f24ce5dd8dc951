package server

import (
	"bufio"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// ordinaryHeader is that of a request with twelve headers and a token of 800 bytes.
func ordinaryHeader(t testing.TB) *fasthttp.RequestHeader {
	t.Helper()
	text := "GET /ext_authz/orgs/org_2b1c/reports/2024-05?format=pdf HTTP/1.1\r\nHost: app.example\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Referer: https://app.example/reports\r\n" +
		"Authorization: Bearer " + strings.Repeat("a", 100) + "." + strings.Repeat("b", 356) + "." + strings.Repeat("c", 342) + "\r\n" +
		"X-Request-Id: 6f5902ac-237a-4f0c-9c0e-7d1c52ab63a1\r\nX-Forwarded-For: 203.0.113.7\r\n" +
		"Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n" +
		"Cookie: theme=dark; __session=a.b.c; _ga=GA1.1.1234567890.1234567890\r\n\r\n"
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReader(strings.NewReader(text))); err != nil {
		t.Fatal(err)
	}
	return &h
}

// TestMisframed_memory: looking through the headers of an ordinary request takes no memory,
// nor does finding its door.
func TestMisframed_memory(t *testing.T) {
	h, doors := ordinaryHeader(t), map[string]door{"/ext_authz": {}}
	if n := testing.AllocsPerRun(100, func() {
		if status, message := misframed(h); status != 0 {
			t.Fatal(status, message)
		}
		if _, ok := doors[string(doorOf(h.RequestURI()))]; !ok {
			t.Fatal("no door")
		}
	}); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func TestDoorOf(t *testing.T) {
	for target, want := range map[string]string{
		"/ext_authz": "/ext_authz", "/ext_authz/": "/ext_authz", "/ext_authz/a?b": "/ext_authz", "/ext_authz?/a": "/ext_authz",
		"/ext_authzx": "/ext_authzx", "/ext_authz%2f?x": "/ext_authz%2f", "/ext_auth": "/ext_auth", "/EXT_AUTHZ/": "/EXT_AUTHZ/",
		"/forward-auth?a?b": "/forward-auth", "/forward-auth/": "/forward-auth/", "?x": "", "": "", "*": "*",
	} {
		if got := doorOf([]byte(target)); string(got) != want {
			t.Errorf("doorOf(%q) = %q, want %q", target, got, want)
		}
	}
}

func BenchmarkMisframed(b *testing.B) {
	h := ordinaryHeader(b)
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := misframed(h); status != 0 {
			b.Fatal(status)
		}
	}
}
