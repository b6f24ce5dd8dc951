package token

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// serveKeys answers with a JWK set.
func serveKeys(w http.ResponseWriter, keys ...map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(jwksOf(keys...))
}

// TestJWKSURL_answers lets a server that was good answer badly: the old set stays.
func TestJWKSURL_answers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		serveKeys(w, named(rsaTwo().Public(), "one"))
	}))
	defer other.Close()
	write := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", other.URL)
			w.WriteHeader(code)
			if code != http.StatusNoContent && code != http.StatusNotModified {
				_, _ = w.Write(jwksOf(named(rsaTwo().Public(), "one")))
			}
		}
	}
	good := string(jwksOf(named(rsaOne().Public(), "one")))
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"good", write("application/json; charset=utf-8", good), ""},
		{"its own type", write("application/jwk-set+json", good), ""},
		{"plain text", write("text/plain", good), ""},
		{"one odd key", func(w http.ResponseWriter, _ *http.Request) {
			serveKeys(w, map[string]any{"kty": "new", "kid": "x"}, named(rsaOne().Public(), "one"))
		}, ""},
		{"html", write("text/html", good), "content type"},
		{"html called json", write("application/json", "<html>"), "HTML"},
		{"no type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = w.Write([]byte(good))
		}, "content type"},
		{"binary", write("application/octet-stream", good), "content type"},
		{"javascript", write("text/javascript", good), "content type"},
		{"broken", write("application/json", good[:len(good)-5]), "JSON"},
		{"empty", write("application/json", ""), "not a JSON object"},
		{"no keys", write("application/json", `{"keys":[]}`), "no keys"},
		{"an error object", write("application/json", `{"error":"x"}`), "no member keys"},
		{"huge", write("application/json", `{"keys":[`+strings.Repeat(" ", maxKeySetBytes)+`]}`), "more than 1048576 bytes"},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, "more than 1048576 bytes"},
		{"slow to answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "Client.Timeout"},
		{"slow to end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"keys":[`))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "Client.Timeout"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(good))
		}, "unexpected EOF"},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"compressed", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "" {
				t.Error("the client asks for compression")
			}
			w.Header().Set("Content-Encoding", "gzip")
			write("application/json", "\x1f\x8b\x08\x00")(w, r)
		}, "not a JSON object"},
		{"301", status(301), "redirects are not followed"},
		{"302", status(302), "redirects are not followed"},
		{"304", status(304), "redirects are not followed"},
		{"307", status(307), "redirects are not followed"},
		{"201", status(201), "status 201"},
		{"204", status(204), "status 204"},
		{"404", status(404), "status 404"},
		{"500", status(500), "status 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var handler atomic.Pointer[http.HandlerFunc]
			first := write("application/json", good)
			handler.Store(&first)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load())(w, r) }))
			defer server.Close()
			k := JWKSURL(server.URL+"/jwks.json", Options{})
			load(t, k, "")
			if strings.HasPrefix(tc.name, "slow") {
				k.client.Timeout = 200 * time.Millisecond
			}
			before := k.set.Load()
			handler.Store(&tc.handler)
			load(t, k, tc.want)
			if k.set.Load() != before {
				t.Fatal("the set changed, want the old one")
			}
			if text := k.Status().LastError; strings.Contains(text, "<html>") || strings.Contains(text, "error\":") {
				t.Fatalf("LastError = %q, which quotes the answer", text)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Fatalf("%d requests to the target of a redirect, want none", n)
	}
}

// TestJWKSURL_rotation replaces the set on the server, key by key.
func TestJWKSURL_rotation(t *testing.T) {
	var served atomic.Pointer[[]map[string]any]
	set := func(keys ...map[string]any) { served.Store(&keys) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { serveKeys(w, *served.Load()...) }))
	defer server.Close()
	config := testConfig(t)
	config.Keys = JWKSURL(server.URL, Options{})
	v := mustVerifier(t, config)
	one := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	two := sign(t, "RS256", rsaTwo(), `{"alg":"RS256","kid":"two"}`, goodClaims)
	f := func(wantOne, wantTwo decision.Code) {
		t.Helper()
		load(t, config.Keys, "")
		_, err := v.Verify(one, testNow)
		wantCode(t, "Verify of one", err, wantOne)
		_, err = v.Verify(two, testNow)
		wantCode(t, "Verify of two", err, wantTwo)
	}
	keyOne, keyTwo := named(rsaOne().Public(), "one"), named(rsaTwo().Public(), "two")
	set(keyOne)
	f("", decision.TokenKeyUnknown)
	set(keyOne, keyTwo)
	f("", "")
	set(keyTwo)
	f(decision.TokenKeyUnknown, "")
	set(named(rsaTwo().Public(), "one"), keyTwo) // another key under the old name
	f(decision.TokenSignature, "")
}

func TestJWKSURL_https(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		serveKeys(w, named(rsaOne().Public(), "one"))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of clients that do not trust it
	server.StartTLS()
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	load(t, JWKSURL(server.URL, Options{RootCAs: trusted}), "")
	load(t, JWKSURL(server.URL, Options{RootCAs: x509.NewCertPool()}), "certificate")
	load(t, JWKSURL(server.URL, Options{}), "certificate")
}

func TestJWKSURL_url(t *testing.T) {
	f := func(rawURL string, o Options, want string) {
		t.Helper()
		k := JWKSURL(rawURL, o)
		switch {
		case want == "" && k.invalid != nil:
			t.Fatalf("JWKSURL(%q) = %v, want no error", rawURL, k.invalid)
		case want != "" && (k.invalid == nil || !strings.Contains(k.invalid.Error(), want)):
			t.Fatalf("JWKSURL(%q) = %v, want %q", rawURL, k.invalid, want)
		case want != "" && strings.Contains(fmt.Sprint(k.invalid, k.Status()), "hunter2"):
			t.Fatalf("JWKSURL(%q) shows the password", rawURL)
		}
	}
	f("https://keys.example.com/jwks", Options{}, "")
	f("https://keys.example.com:8443/jwks?x=1", Options{}, "")
	f("http://127.0.0.1:1/jwks", Options{}, "")
	f("http://127.9.9.9/jwks", Options{}, "")
	f("http://[::1]/jwks", Options{}, "")
	f("http://localhost/jwks", Options{}, "")
	f("http://keys.example.com/jwks", Options{InsecureHTTP: true}, "")
	f("http://keys.example.com/jwks", Options{}, "plain http")
	f("http://10.0.0.1/jwks", Options{}, "plain http")
	f("http://127.0.0.1.example.com/", Options{}, "plain http")
	f("http://localhost.example.com/", Options{}, "plain http")
	f("http://0.0.0.0/", Options{}, "plain http")
	f("", Options{}, "neither https nor http")
	f("keys.example.com/jwks", Options{}, "neither https nor http")
	f("file:///etc/passwd", Options{}, "neither https nor http")
	f("ftp://keys.example.com/", Options{}, "neither https nor http")
	f("https:///jwks", Options{}, "no host")
	f("https:jwks", Options{}, "no host")
	f("https://user:hunter2@keys.example.com/", Options{}, "user name or password")
	f("https://keys.example.com/#x", Options{}, "fragment")
	f("https://keys.example.com/\x00", Options{}, "not a URL")
	f("https://keys.example.com/%zz", Options{}, "not a URL")
	f("https://keys.example.com/", Options{Timeout: -1}, "negative")
	f("https://keys.example.com/", Options{MinInterval: -1}, "negative")

	k := JWKSURL("https://keys.example.com/jwks?key=hunter2", Options{})
	if got, want := k.Status().Source, "https://keys.example.com/jwks"; got != want {
		t.Fatalf("Source = %q, want %q", got, want)
	}
	if got := JWKSURL("https://keys.example.com/", Options{Timeout: time.Second}).client.Timeout; got != time.Second {
		t.Fatalf("Timeout = %v, want %v", got, time.Second)
	}
	if got := JWKSURL("https://keys.example.com/", Options{}).client.Timeout; got != DefaultTimeout {
		t.Fatalf("Timeout = %v, want %v", got, DefaultTimeout)
	}
	load(t, JWKSURL("ftp://x", Options{}), "key URL")
	JWKSURL("ftp://x", Options{}).Run(t.Context()) // returns at once
}
