package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/testdata/paths"
)

// A ruling is what a door said of a target: whether it is allowed, and the decision's id,
// "" where the request was turned away before the door.
type ruling struct {
	allow bool
	id    string
}

// A wire sends requests over one connection, and a new one where the server closed it.
type wire struct {
	s *sidecar
	c net.Conn
	r *bufio.Reader
}

func (w *wire) ask(text string) ruling {
	w.s.t.Helper()
	if w.c == nil {
		w.c = w.s.dial()
		w.r = bufio.NewReader(w.c)
	}
	// The server may answer and close while this is written.
	_, _ = io.WriteString(w.c, text)
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.s.t.Fatalf("%.200q: %v", text, err)
	}
	defer res.Body.Close()
	if res.Close {
		w.c.Close()
		w.c = nil
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		w.s.t.Fatal(err)
	}
	id := res.Header.Get("X-Decision-Id")
	if id == "" && res.StatusCode < 400 {
		w.s.t.Errorf("%.200q: %d without a decision", text, res.StatusCode)
	}
	return ruling{res.StatusCode == 200, id}
}

// pathDoors send a target to each door, as the proxies do that use it. They report false
// where that cannot carry it.
func pathDoors(s *sidecar) map[string]func(target, token string) (ruling, bool) {
	overHTTP := func(line func(target string) (string, bool)) func(target, token string) (ruling, bool) {
		w := &wire{s: s}
		return func(target, token string) (ruling, bool) {
			// With either it would be another request, which HTTP cannot say is one target.
			if strings.ContainsAny(target, "\r\n") {
				return ruling{}, false
			}
			text, ok := line(target)
			if !ok {
				return ruling{}, false
			}
			if token != "" {
				text += "Authorization: Bearer " + token + "\r\n"
			}
			return w.ask(text + "\r\n"), true
		}
	}
	envoy := authv3.NewAuthorizationClient(s.connect())
	overGRPC := func(raw bool) func(target, token string) (ruling, bool) {
		return func(target, token string) (ruling, bool) {
			if !utf8.ValidString(target) {
				return ruling{}, false // a string of protocol buffers is UTF-8
			}
			r := envoyAsks("GET", target, "authorization", "Bearer "+token)
			h := r.Attributes.Request.Http
			if token == "" {
				delete(h.Headers, "authorization")
			}
			if raw {
				h.HeaderMap = &corev3.HeaderMap{}
				for name, value := range h.Headers {
					h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
				}
				h.Headers = nil
			}
			answer, err := envoy.Check(soon(s.t), r)
			if err != nil {
				s.t.Fatalf("%.200q: %v", target, err)
			}
			return ruling{answer.GetStatus().GetCode() == 0, answer.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue()}, true
		}
	}
	return map[string]func(target, token string) (ruling, bool){
		"forward_auth": overHTTP(func(target string) (string, bool) {
			return "GET /forward-auth HTTP/1.1\r\nHost: postern\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: app.example\r\nX-Forwarded-Uri: " + target + "\r\n", target != ""
		}),
		"auth_request": overHTTP(func(target string) (string, bool) {
			return "GET /auth-request HTTP/1.1\r\nHost: postern\r\nX-Original-Method: GET\r\nX-Original-URI: " + target + "\r\n", target != ""
		}),
		"auth_request by URL": overHTTP(func(target string) (string, bool) {
			// Anything else would run into the host.
			whole := target == "" || strings.ContainsRune("/?#", rune(target[0]))
			return "GET /auth-request HTTP/1.1\r\nHost: postern\r\nX-Original-Method: GET\r\nX-Original-URL: https://app.example" + target + "\r\n", whole
		}),
		"ext_authz_http": overHTTP(func(target string) (string, bool) {
			return "GET /ext_authz" + target + " HTTP/1.1\r\nHost: app.example\r\n", true
		}),
		"ext_authz_grpc":      overGRPC(false),
		"ext_authz_grpc, raw": overGRPC(true),
	}
}

// expected is the one answer to a path under the routes of TestPaths: its reason, "" to allow.
func expected(path, token string) string {
	below := func(top string) bool { return path == top || strings.HasPrefix(path, top+"/") }
	switch {
	case path == "":
		return "path_ambiguous"
	case below("/public"):
		return ""
	case below("/admin") && token == "":
		return "token_missing"
	case below("/admin"):
		return ""
	default:
		return "route_unlisted"
	}
}

// TestPaths: every target of testdata/paths gets the same answer at every door, for the same
// reason and about the same path.
func TestPaths(t *testing.T) {
	vectors, err := paths.Load()
	if err != nil || len(vectors) < 250 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
routes:
  - {match: "/public", public: true}
  - {match: "/public/", public: true}
  - {match: "/admin", signed_in: true}
  - {match: "/admin/", signed_in: true}
`)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, dir, "decision_log: "+log))
	type question struct {
		door, token string
		paths.Vector
	}
	asked := map[string]question{}
	uncarried, away := map[string]int{}, map[string]int{}
	for door, ask := range pathDoors(s) {
		for _, token := range []string{"", sign(t, nil)} {
			for _, v := range vectors {
				r, carried := ask(v.Raw, token)
				if want := carried && expected(v.Path, token) == ""; r.allow != want {
					t.Errorf("%s: %.100q with token %.10q: allowed is %v, want %v", door, v.Raw, token, r.allow, want)
				}
				switch {
				case !carried:
					uncarried[door]++
				case r.id == "": // there is no such endpoint
					away[door]++
				default:
					asked[r.id] = question{door, token, v}
				}
				if (!carried || r.id == "") && v.Path != "" {
					t.Errorf("%s: %.100q does not come to the door", door, v.Raw)
				}
			}
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range loggedDecisions(t, log) {
		q, ok := asked[r.ID]
		if !ok {
			continue
		}
		delete(asked, r.ID)
		code := ""
		if len(r.Reasons) > 0 {
			code = r.Reasons[0].Code
			if q.Path == "" && slices.Contains(beforeTheDoor, r.Reasons[0].Message) {
				away[q.door]++
				continue
			}
		}
		if want := expected(q.Path, q.token); code != want || r.Path != q.Path || !strings.HasPrefix(q.door, r.Door) {
			t.Errorf("%s: %.100q: %s about %.100q at %s, want %s about %.100q", q.door, q.Raw, code, r.Path, r.Door, want, q.Path)
		}
	}
	if len(asked) > 0 || strings.Contains(s.log.String(), "loses records") {
		t.Errorf("%d decisions are not in the log", len(asked))
	}
	// A few are no header, no request line or below no prefix, or no string of UTF-8.
	for door := range pathDoors(s) {
		if uncarried[door] > 50 || away[door] > 80 || len(vectors)*2-uncarried[door]-away[door] < 500 {
			t.Errorf("%s: of %d, %d could not be sent and %d were turned away", door, len(vectors)*2, uncarried[door], away[door])
		}
	}
	t.Logf("%d vectors; not sent %v, turned away %v", len(vectors), uncarried, away)
}

// beforeTheDoor are the messages of refusals that no door has a part in.
var beforeTheDoor = []string{"no readable HTTP/1.1 request", "HTTP/1.1 is spoken here", "the headers are longer than limits.header"}

// A logged decision is a line of the decision log.
type logged struct {
	ID      string `json:"decision_id"`
	Door    string
	Path    string
	Reasons []struct{ Code, Message string }
}

func loggedDecisions(t testing.TB, path string) (all []logged) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for dec := json.NewDecoder(file); dec.More(); {
		var r logged
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
