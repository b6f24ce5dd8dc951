package server_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/sidecar/token/mint"
)

// second is another key than signer's, made once.
var second = sync.OnceValue(func() *mint.Key {
	key, err := mint.NewKey("ins_2")
	if err != nil {
		panic(err)
	}
	return key
})

// keySet is the text of a key set.
func keySet(t testing.TB, keys ...*mint.Key) string {
	t.Helper()
	set, err := mint.JWKS(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return string(set)
}

// replace puts a file in another's place in one step.
func replace(t testing.TB, path, text string) {
	t.Helper()
	dir, name := filepath.Split(path)
	if err := os.Rename(write(t, dir, "."+name+".new", text), path); err != nil {
		t.Fatal(err)
	}
}

func (s *sidecar) codesFor(token string) string {
	s.t.Helper()
	return s.ask(token, question).codes()
}

// TestKeys_serverDown: while an issuer's key server cannot be reached nothing is ready
// and nobody can say whether a token is good; once it can be, both follow by themselves.
func TestKeys_serverDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := standard(t, plain(t))
	c.Issuers.List[0].JWKS = "http://" + address + "/jwks?secret=hidden"
	other := c.Issuers.List[0]
	other.Issuer, other.JWKS = "https://other.example.com", jwks(t, t.TempDir(), second())
	c.Issuers.List = append(c.Issuers.List, other)
	s := start(t, c)
	good := sign(t, nil)

	a := s.ask(good, question)
	a.denied(t, "no keys yet", 200, "not_ready")
	if a.Status != 503 {
		t.Errorf("no keys yet: status %d, want 503", a.Status)
	}
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+good).denied(t, "session, no keys yet", 503, "not_ready")
	forged, err := second().Sign(claims(map[string]any{"iss": other.Issuer}))
	if err != nil {
		t.Fatal(err)
	}
	if a := s.ask(forged, question); !a.Allow {
		t.Errorf("the other issuer's token: %s", a.Body)
	}
	if got := s.codesFor(""); got != "token_missing" {
		t.Errorf("no token: %s, want token_missing", got)
	}
	ready := s.do("GET", "admin:/readyz", "")
	if ready.Code != 503 || !strings.Contains(ready.Body, `"`+issuer+`": false`) || !strings.Contains(ready.Body, `"https://other.example.com": true`) {
		t.Errorf("readyz: %d %s", ready.Code, ready.Body)
	}
	eventually(t, "status and metrics tell of the failure", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "connection refused") &&
			s.metric(`postern_key_reloads_total{issuer="`+issuer+`",result="error"}`) != "0" && s.metric(`postern_keys_last_reload_successful{issuer="`+issuer+`"}`) == "0"
	})

	if l, err = net.Listen("tcp", address); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, keySet(t, signer()))
	})}
	go server.Serve(l)
	defer server.Close()
	eventually(t, "the token is good", func() bool { return s.ask(good, question).Allow })
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("readyz: %d %s", a.Code, a.Body)
	}
	if !strings.Contains(s.do("GET", "admin:/metrics", "").Body, `postern_key_reloads_total{issuer="`+issuer+`",result="ok"} 1`) {
		t.Error("the metrics do not count the fetch")
	}
	if got := s.metric(`postern_keys_last_reload_successful{issuer="` + issuer + `"}`); got != "1" {
		t.Errorf("postern_keys_last_reload_successful is %s after a good load", got)
	}
	for name, text := range map[string]string{"status": s.do("GET", "admin:/v1/status", "").Body, "log": s.log.String()} {
		if strings.Contains(text, "hidden") {
			t.Errorf("the %s shows the query of the key URL", name)
		}
	}
}

// TestKeys_badServer: what is no key set is none, and the one that was good stays.
func TestKeys_badServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>502 ", keySet(t, signer()))
	}))
	defer server.Close()
	c := standard(t, plain(t))
	c.Issuers.List[0].JWKS = server.URL
	s := start(t, c)
	eventually(t, "the status says what came", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "text/html")
	})
	s.ask(sign(t, nil), question).denied(t, "an HTML page for keys", 200, "not_ready")
}

// TestKeys_withdrawn: a key that its file loses is good for nothing any more, even for
// tokens that were verified before, and good again once it is back.
func TestKeys_withdrawn(t *testing.T) {
	c := standard(t, plain(t))
	path := c.Issuers.List[0].JWKS
	s := start(t, c)
	one := sign(t, nil)
	two, err := second().Sign(claims(map[string]any{"sid": "sess_2"}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := s.ask(one, question); !a.Allow {
			t.Fatalf("the first key: %s", a.Body)
		}
	}
	if got := s.codesFor(two); got != "token_key_unknown" {
		t.Errorf("the second key before it is published: %s", got)
	}
	if !strings.Contains(s.do("GET", "admin:/metrics", "").Body, "postern_token_cache_hits_total 2") {
		t.Error("the token was not cached, so that the rest shows nothing")
	}
	for range 3 {
		replace(t, path, keySet(t, second()))
		eventually(t, "the first key's tokens are refused", func() bool { return s.codesFor(one) == "token_key_unknown" })
		if a := s.ask(two, question); !a.Allow {
			t.Errorf("the second key: %s", a.Body)
		}
		replace(t, path, keySet(t, signer()))
		eventually(t, "the first key's tokens are good again", func() bool { return s.ask(one, question).Allow })
		if got := s.codesFor(two); got != "token_key_unknown" {
			t.Errorf("the second key, withdrawn: %s", got)
		}
	}
	// One kid, another key: the old signature is no good, cached or not.
	impostor, err := mint.NewKey(signer().ID)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, path, keySet(t, impostor))
	eventually(t, "the signature does not fit the new key", func() bool { return s.codesFor(one) == "token_signature" })
}

// TestKeys_broken: a key file that cannot be used changes nothing, and says so.
func TestKeys_broken(t *testing.T) {
	c := standard(t, plain(t))
	path := c.Issuers.List[0].JWKS
	s := start(t, c)
	good := sign(t, nil)
	if a := s.ask(good, question); !a.Allow {
		t.Fatalf("before: %s", a.Body)
	}
	whole := keySet(t, signer())
	for _, text := range []string{`{"keys":[]}`, whole[:len(whole)/2], "<html></html>", "", `{"keys":[{"kty":"oct","kid":"ins_1","k":"AAAA"}]}`} {
		replace(t, path, text)
		eventually(t, "the status says that the file is bad", func() bool {
			return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, `"last_error": "load keys from `)
		})
		if a := s.ask(good, question); !a.Allow {
			t.Errorf("with the key file %.40q: %s", text, a.Body)
		}
		if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
			t.Errorf("readyz with the key file %.40q: %d", text, a.Code)
		}
		replace(t, path, whole)
		eventually(t, "the file is good again", func() bool {
			return !strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "last_error")
		})
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss is logged", func() bool { return strings.Contains(s.log.String(), "no such file") })
	if a := s.ask(good, question); !a.Allow {
		t.Errorf("without the key file: %s", a.Body)
	}
}

// TestKeys_besideBundle: a bundle and a key file that change at once are each taken or
// kept by itself.
func TestKeys_besideBundle(t *testing.T) {
	dir := t.TempDir()
	revision(t, dir, 1)
	c := standard(t, dir)
	path := c.Issuers.List[0].JWKS
	s := start(t, c)
	one := sign(t, nil)
	two, err := second().Sign(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.says(one, "revision 1")

	t.Log("good keys, bad bundle")
	bad := write(t, dir, "bad.rego", "package acme\n\nx := y\n")
	replace(t, path, keySet(t, second()))
	s.says(two, "revision 1")
	if got := s.codesFor(one); !strings.Contains(got, "token_key_unknown") {
		t.Errorf("the withdrawn key: %s", got)
	}
	eventually(t, "the bundle is refused", func() bool { return strings.Contains(s.log.String(), "bundle refused") })

	t.Log("bad keys, good bundle")
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	replace(t, path, "{")
	revision(t, dir, 2)
	s.says(two, "revision 2")
	eventually(t, "the keys are refused", func() bool { return strings.Contains(s.log.String(), "keys not loaded") })
	s.says(two, "revision 2")
}
