package server_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/config"
)

// accessQuestions are good bodies for AuthZEN's endpoints.
var accessQuestions = map[string][]string{
	"/access/v1/evaluation": {
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`,
		`{"subject":{"type":"user","id":"a","properties":{"n":[1,null]}},"action":{"name":"write","properties":{}},"resource":{"type":"record","id":"1","properties":{"x":{}}},"context":{},"more":7}`,
		`{"subject":{"type":"session","id":"x"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`,
	},
	"/access/v1/evaluations": {
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`,
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record","id":"1"},"evaluations":[],"options":{}}`,
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{},"evaluations":[{"resource":{"type":"record","id":"1"}},{},{"action":{"name":"write"},"resource":{"type":"record","id":"2"}}]}`,
		`{"options":{"evaluations_semantic":"deny_on_first_deny","more":1},"evaluations":[{"subject":{"type":"user","id":"a"}},{}]}`,
	},
	"/access/v1/search/subject": {
		`{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`,
		`{"subject":{"type":"user","id":"ignored"},"action":{"name":"read"},"resource":{"type":"record","id":"1"},"context":{},"page":{"limit":1,"properties":{}}}`,
		`{"subject":{"type":"nothing"},"action":{"name":"read"},"resource":{"type":"record","id":"1"},"page":{}}`,
	},
	"/access/v1/search/resource": {
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record"}}`,
		`{"subject":{"type":"user","id":"a"},"action":{"name":"read"},"resource":{"type":"record"},"page":{"token":"","limit":0}}`,
	},
	"/access/v1/search/action": {
		`{"subject":{"type":"user","id":"a"},"resource":{"type":"record","id":"1"}}`,
		`{"subject":{"type":"session","id":"x"},"resource":{"type":"record","id":"1"},"action":7,"page":{"limit":3}}`,
	},
}

const accessMetadata = "/.well-known/authzen-configuration"

// mediaType is what AuthZEN's requests need.
var mediaType = []string{"Content-Type", "application/json"}

// vouched is a configuration whose AuthZEN answers clients on this machine, by one rule for
// each of the entrypoints.
func vouched(t *testing.T, rules string, more ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "pdp.rego", "package pdp\n\n"+rules)
	c := standard(t, dir, append([]string{"public_url: https://pdp.example.com"}, more...)...)
	c.Doors.AuthZEN, c.Clients.Anonymous = true, config.AnonymousLoopback
	c.Entrypoints = config.Entrypoints{Evaluate: "pdp/decision", Search: config.Search{Subject: "pdp/subjects", Resource: "pdp/resources", Action: "pdp/actions"}}
	return c
}

// found are rules that decide and find something.
const found = `
decision := {"allow": input.action.name == "read", "context": {"a": 1}}

subjects := {{"type": "user", "id": "a"}, {"type": "user", "id": "b"}} if input.subject.type == "user" else := set()

resources := {{"type": "record", "id": "1"}}

actions := {{"name": "read"}, {"name": "write"}}
`

// broken are rules that fail.
const broken = `
decision := 7

subjects := 7

resources := 7

actions := 7
`

// TestOpenAPI_authzen is TestOpenAPI for AuthZEN's door.
func TestOpenAPI_authzen(t *testing.T) {
	t.Parallel()
	s := start(t, vouched(t, found, "limits: {body: 1KiB}"))
	w := witness{s, contractOf(s)}
	for path, bodies := range accessQuestions {
		for _, body := range bodies {
			w.ask(200, "POST", path, body, mediaType...)
			w.ask(200, "POST", path, body, "Content-Type", "Application/JSON; charset=utf-8", "X-Request-ID", "any thing")
		}
		for _, body := range []string{``, `[]`, `{}`, `{"subject":null}`, bodies[0] + `1`} {
			w.ask(400, "POST", path, body, append([]string{"X-Request-ID", "q"}, mediaType...)...)
		}
		w.ask(400, "POST", path, bodies[0])
		w.ask(405, "GET", path, "")
		w.strange("POST", path)
	}
	w.ask(200, "GET", accessMetadata, "", "X-Request-ID", "q")
	w.ask(200, "HEAD", accessMetadata, "")
	w.ask(405, "POST", accessMetadata, "{}")
	w.strange("GET", accessMetadata)
	var troubles sync.WaitGroup
	for _, trouble := range []func(*testing.T, *contract){accessUnknown, accessNotOffered, accessNotReady, accessOverfull, accessBroken, accessPanicking} {
		troubles.Go(func() { trouble(t, w.contract) })
	}
	for path := range accessQuestions {
		troubles.Go(func() { w.send(408, "POST", path, "POST %s HTTP/1.1\r\nHost: a\r\nX-Slow: ") })
	}
	troubles.Go(func() { w.send(408, "GET", accessMetadata, "GET %s HTTP/1.1\r\nHost: a\r\nX-Slow: ") })
	troubles.Wait()
	w.covered(t, map[string]string{}, "authzen")
}

// access wants one status of every endpoint.
func (w witness) accessAll(want int) {
	w.t.Helper()
	for path, bodies := range accessQuestions {
		w.ask(want, "POST", path, bodies[0], append([]string{"X-Request-ID", "q"}, mediaType...)...)
	}
}

// accessUnknown is a server that knows no client.
func accessUnknown(t *testing.T, c *contract) {
	conf := vouched(t, found)
	conf.Clients.Anonymous = ""
	witness{start(t, conf), c}.accessAll(401)
}

// accessNotOffered is a server that lists nothing, and does not know its URL.
func accessNotOffered(t *testing.T, c *contract) {
	conf := vouched(t, found)
	conf.PublicURL, conf.Entrypoints.Search = "", config.Search{}
	w := witness{start(t, conf), c}
	for _, path := range []string{"/access/v1/search/subject", "/access/v1/search/resource"} {
		w.ask(404, "POST", path, accessQuestions[path][0], mediaType...)
	}
	w.ask(404, "GET", accessMetadata, "")
}

func accessNotReady(t *testing.T, c *contract) {
	conf := vouched(t, found)
	conf.Bundles[0].Path = filepath.Join(t.TempDir(), "missing")
	w := witness{start(t, conf), c}
	w.accessAll(503)
	w.ask(503, "GET", accessMetadata, "")
}

func accessOverfull(t *testing.T, c *contract) {
	s := startBusy(t, vouched(t, found, "limits: {concurrency: 1}"))
	s.occupy(func() { _, _ = s.try("GET", "/v1/session", "") })
	w := witness{s.sidecar, c}
	w.accessAll(503)
	w.ask(503, "GET", accessMetadata, "")
	s.release()
}

// accessBroken is a server whose policy fails: that denies, and finds nothing.
func accessBroken(t *testing.T, c *contract) {
	w := witness{start(t, vouched(t, broken)), c}
	for path, bodies := range accessQuestions {
		want := 200
		if strings.Contains(path, "search") {
			want = 500
		}
		w.ask(want, "POST", path, bodies[0], mediaType...)
	}
}

func accessPanicking(t *testing.T, c *contract) {
	var armed atomic.Bool
	s := startAt(t, vouched(t, found), func() time.Time {
		if armed.Load() {
			panic("the clock is broken")
		}
		return time.Now()
	})
	armed.Store(true)
	witness{s, c}.accessAll(500)
	armed.Store(false)
}

// TestOpenAPI_authzenWrong: an answer that is not as described is found.
func TestOpenAPI_authzenWrong(t *testing.T) {
	s := start(t, vouched(t, found))
	w := witness{s, contractOf(s)}
	f := func(path string, question int, wrongs ...func(*exchange)) {
		t.Helper()
		for i, wrong := range wrongs {
			body, headers := accessQuestions[path][question], slices.Concat(mediaType, []string{"X-Request-ID", "q"})
			e := &exchange{method: "POST", target: path, body: body, headers: headers, answer: w.do("POST", path, body, headers...)}
			if err := w.hold(e); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if wrong(e); w.hold(e) == nil {
				t.Errorf("%s: wrong answer %d is taken for right: %d %v %s", path, i, e.Code, e.Header, e.Body)
			}
		}
	}
	is := func(body string) func(*exchange) { return func(e *exchange) { e.Body = body } }
	f("/access/v1/evaluation", 0,
		is(`{"decision":"true"}`), is(`{}`), is(`{"decision":true,"reasons":[]}`), is(`{"decision":true,"context":null}`), is(`{"evaluations":[{"decision":true}]}`),
		func(e *exchange) { e.Header.Del("X-Decision-Id") }, func(e *exchange) { e.Header.Set("Content-Type", "text/plain") }, func(e *exchange) { e.Code = 404 },
		func(e *exchange) {
			e.body = `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`
		})
	f("/access/v1/evaluations", 2,
		is(`{"evaluations":[]}`), is(`{"evaluations":[true]}`), is(`{"decision":true,"evaluations":[{"decision":true}]}`),
		func(e *exchange) { e.body = `{"options":{"evaluations_semantic":"some"},"evaluations":[{}]}` }, func(e *exchange) { e.body = `{"evaluations":[]}` })
	f("/access/v1/search/subject", 1,
		is(`{"results":null}`), is(`{"results":[{"type":"user"}]}`), is(`{"results":[{"type":"user","id":"a","name":"b"}]}`), is(`{"page":{"count":1},"results":[]}`), is(`{}`),
		func(e *exchange) {
			e.body = `{"subject":{},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`
		})
	f("/access/v1/search/action", 0, is(`{"results":[{"type":"user","id":"a"}]}`), is(`{"results":["read"]}`))
}
