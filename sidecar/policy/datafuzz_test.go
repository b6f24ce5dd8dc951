package policy

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/server"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"postern/sidecar/opaapi"
)

// FuzzDataPath compares how a path is read with how OPA's own server reads it, which says so
// where nothing is found.
func FuzzDataPath(f *testing.F) {
	for _, seed := range []string{
		"a", "a/b", "a%2Fb", "a%2fb/c", "a%252Fb", "%2e%2e/a", "..%2Fa", "%2e", "a//b", "a/./b", "a/../b", "a/", "/a", "0", "00", "+1", "-1", "1.0", ".0", "%31", "9223372036854775807", "9223372036854775808",
		"a b", "a%20b", "a+b", "%2B1", "ключ", "a%2Fb/ключ", "%D0%BA", "%00", "%0A", "%22", "%ff", "%", "%zz", "%5C", "a;b", "a:b@c", "[0]", "%5B0%5D", "__proto__", "if/not/in", "model", "mod%65l", "postern",
		"%EF%BC%8F", "%E2%80%AE", "%C2%85", "%C0%AF", "%F3%A0%80%81", "a#b", "a\\b", "a\"b", "a{b}", "%u0041", "data", "input", "a%3Fb", "%2F", "a%2F", "x~y'z()*!$&,=",
	} {
		f.Add(seed)
	}
	manager, err := plugins.New([]byte("{}"), "test", inmem.New())
	if err != nil {
		f.Fatal(err)
	}
	if err := manager.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	opa, err := server.New().WithStore(manager.Store).WithManager(manager).Init(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if raw == "" || len(raw) > 200 || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == '?' || r == 0x7f }) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST /v0/data/" + raw + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")))
		if err != nil {
			if _, err := opaapi.Names(raw); err == nil {
				t.Errorf("%q is read, though Go's server refuses it", raw)
			}
			return
		}
		w := httptest.NewRecorder()
		opa.Handler.ServeHTTP(w, r)
		to, status := opaapi.Moved("/v0/data/"+raw, "/v0/data")
		if w.Code/100 == 3 {
			if strings.HasSuffix(strings.ToLower(raw), "%2f") {
				return // which OPA takes for a final slash, and only there
			}
			if _, err := opaapi.Names(raw); status == 0 && err == nil {
				t.Errorf("%q is read, though OPA moves it to %s", raw, w.Header().Get("Location"))
			}
			return
		}
		if status != 0 {
			t.Fatalf("%q is moved to %s, and OPA answers %d", raw, to, w.Code)
		}
		names, err := opaapi.Names(raw)
		var said struct{ Message string }
		if w.Code != http.StatusNotFound || json.Unmarshal(w.Body.Bytes(), &said) != nil {
			return
		}
		if err != nil {
			if !strange(raw) {
				t.Errorf("%q is refused (%v), and is %s to OPA", raw, err, said.Message)
			}
			return
		}
		if got := "document missing: " + dataRef(names).String(); got != said.Message {
			t.Errorf("%q is %s, and to OPA %s", raw, got, said.Message)
		}
	})
}

// strange reports whether a path has what is refused on purpose.
func strange(raw string) bool {
	if strings.ContainsAny(raw, "\"#<>\\^`{|}") || strings.ContainsFunc(raw, func(r rune) bool { return r >= utf8.RuneSelf }) && strings.Contains(strings.ToLower(raw), "%2f") {
		return true
	}
	text, err := url.PathUnescape(raw)
	return err != nil || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
}
