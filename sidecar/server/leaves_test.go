package server_test

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/testdata/collector"
)

// A leaver asks at every door. Whatever a request says has a mark, which is the request's
// alone, and whoever asks has a name by the first part of it.
type leaver struct {
	t      *testing.T
	s      *sidecar
	envoy  authv3.AuthorizationClient
	who    int
	token  string
	marks  *atomic.Int64
	expect func(mark, id string, records int)
}

var (
	marked   = regexp.MustCompile(`m\d\d-\d{6}`)
	named    = regexp.MustCompile(`(?:user|sess|org)_u\d\d`)
	saidItem = regexp.MustCompile(`"item":(\d)`)
)

// ids are the mark, and the trace that a request with it is in, of the same digits.
func (l *leaver) ids() (mark, parent string) {
	n := l.marks.Add(1)
	return fmt.Sprintf("m%02d-%06d", l.who, n), fmt.Sprintf("00-%024d%02d%06d-%016d-01", 7, l.who, n, 7)
}

// about says what is asked of a resource, with the mark wherever a caller can put it.
func about(mark string, item int) string {
	return fmt.Sprintf(`"resource":{"type":"r","id":%q,"mark":%q,"properties":{"mark":%q}},"context":{"mark":%q,"item":%d}`, mark, mark, mark, mark, item)
}

func (l *leaver) post(path, body string, items int) {
	mark, parent := l.ids()
	l.send("POST", path, strings.ReplaceAll(body, "MARK", mark), mark, parent, items, "Content-Type", "application/json")
}

// send sends a request, and says what must be recorded of it.
func (l *leaver) send(method, path, body, mark, parent string, items int, headers ...string) {
	req, err := http.NewRequest(method, l.s.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return
	}
	headers = append(headers, "Authorization", "Bearer "+l.token, "Traceparent", parent)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := l.s.client.Do(req)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	id := res.Header.Get("X-Decision-Id")
	if err != nil || id == "" || res.StatusCode >= 404 {
		l.t.Errorf("%s %s: %s %s, %v", method, path, res.Status, text, err)
		return
	}
	for _, other := range marked.FindAllString(string(text)+fmt.Sprint(res.Header), -1) {
		if other != mark {
			l.t.Errorf("%s %s of %s is answered with %s", method, path, mark, other)
		}
	}
	l.expect(mark, id, items)
}

func (l *leaver) round() {
	l.post("/v1/check", `{"role":"admin",`+about("MARK", 0)+`}`, 1)
	one := func(i int) string { return `{"role":"admin",` + about("MARK", i) + `}` }
	l.post("/v1/checks", `{"checks":[`+one(0)+`,`+one(1)+`,`+one(2)+`]}`, 3)
	mark, parent := l.ids()
	l.send("GET", "/v1/session", "", mark, parent, 1)
	l.proxied("/forward-auth", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/o/MARK/x?q=MARK", "X-Forwarded-Host", "MARK.example", "X-Forwarded-Proto", "https")
	l.proxied("/auth-request", "X-Original-Method", "GET", "X-Original-URI", "/o/MARK/x?q=MARK")
	l.proxied("/ext_authz/o/MARK/x?q=MARK")
	l.call()
	subject := fmt.Sprintf(`"subject":{"type":"session","id":%q},"action":{"name":"MARK"},`, l.token)
	l.post("/access/v1/evaluation", `{`+subject+about("MARK", 0)+`}`, 1)
	l.post("/access/v1/evaluations", `{`+subject+`"evaluations":[{`+about("MARK", 0)+`},{`+about("MARK", 1)+`}]}`, 2)
	l.post("/access/v1/search/subject", `{"subject":{"type":"user"},"action":{"name":"MARK"},`+about("MARK", 0)+`}`, 1)
	l.post("/v1/data/leaves/echo", `{"input":{"mark":"MARK"}}`, 1)
	l.post("/v1/batch/data/leaves/echo", `{"common_input":{"common":"MARK"},"inputs":{"a":{"mark":"MARK"},"b":{"mark":"MARK"}}}`, 2)
}

func (l *leaver) proxied(path string, headers ...string) {
	mark, parent := l.ids()
	own := []string{"X-Mark", mark}
	for _, h := range headers {
		own = append(own, strings.ReplaceAll(h, "MARK", mark))
	}
	l.send("GET", strings.ReplaceAll(path, "MARK", mark), "", mark, parent, 1, own...)
}

func (l *leaver) call() {
	mark, parent := l.ids()
	r := envoyAsks("GET", "/o/"+mark+"/x?q="+mark, "x-mark", mark, "traceparent", parent, "authorization", "Bearer "+l.token)
	answer, err := l.envoy.Check(context.Background(), r)
	if err != nil {
		l.t.Error(err)
		return
	}
	l.expect(mark, answer.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue(), 1)
}

// A leaf is what a record says of itself.
type leaf struct {
	ID       string `json:"decision_id"`
	Door     string
	Item     *int
	Path     string
	Route    string
	User     string
	Session  string
	Seen     string
	Allow    bool
	Status   int
	Reasons  []struct{ Code, Message string }
	Revision string
	Digest   string
	Trace    string `json:"trace_id"`
	Span     string `json:"span_id"`
	Input    json.RawMessage
	Shadow   *struct{}
	Failed   string `json:"mask_error"`
}

// TestLeaves_ofItsOwnRequest: while all doors are asked at once, and the bundle, its shadow
// and the log's file change, every record, every record of the shadow and every span says
// what its own request said, and nothing of another's.
func TestLeaves_ofItsOwnRequest(t *testing.T) {
	bundle, next, logs := t.TempDir(), t.TempDir(), t.TempDir()
	rules := `package postern.extend

marks contains input.resource.mark
marks contains input.resource.properties.mark
marks contains input.request.headers["x-mark"]
marks contains input.route.params.org

deny contains {"code": "policy_denied", "message": sprintf("no %s in %d", [mark, data.leaves.generation])} if {
	some mark in marks
	regex.match("[13579]$", mark)
}
`
	write(t, bundle, "rules.rego", rules)
	write(t, next, "rules.rego", strings.Replace(rules, "[13579]", "[02468]", 1))
	for _, dir := range []string{bundle, next} {
		write(t, dir, "leaves/data.json", `{"generation":0}`)
		write(t, dir, "model/data.yaml", `routes: [{match: "/o/{org}/", require: {role: admin}}]`)
		write(t, dir, "leaves/leaves.rego", `package leaves

import rego.v1

echo := {"mark": input.mark, "common": input.common}

subjects := [{"type": "user", "id": input.resource.id}]
`)
	}
	write(t, bundle, "log.rego", `package postern.log

mask contains {"op": "upsert", "path": "/seen", "value": input.user}
mask contains "/input/session/claims" if input.user
mask contains "/session" if input.session
`)
	c := collector.Start(t, nil)
	path := filepath.Join(logs, "decisions.jsonl")
	s := start(t, standard(t, bundle,
		"decision_log: {to: "+path+", input: true, buffer: 256MiB, rotate: {size: 128KiB, keep: 0, compress: true}}",
		"shadow: {bundles: [{path: "+next+"}], sample: 1, deadline: 10s}",
		"telemetry: {traces: 'http://"+c.HTTP+"', sample: 1}",
		"doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}", "entrypoints: {search: {subject: leaves/subjects}}"))
	s.loadedShadow()

	var mu sync.Mutex
	wanted, ids := map[string]int{}, map[string]string{}
	expect := func(mark, id string, records int) {
		mu.Lock()
		defer mu.Unlock()
		wanted[mark] += records
		ids[id] = mark
	}
	var marks atomic.Int64
	var asking, turning sync.WaitGroup
	const leavers = 6
	var over atomic.Bool
	var turned atomic.Int64
	began := time.Now()
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = leavers / 2 // so that they change places
	envoy := authv3.NewAuthorizationClient(s.connect())
	for who := range leavers {
		name := fmt.Sprintf("u%02d", who)
		token := sign(t, map[string]any{"sub": "user_" + name, "sid": "sess_" + name, "o": map[string]any{"id": "org_" + name, "slg": "s", "rol": "admin", "per": "read", "fpm": "1"}})
		l := &leaver{t, s, envoy, who, token, &marks, expect}
		asking.Go(func() {
			// On a busy machine it takes its time until there are three generations.
			for !t.Failed() && (time.Since(began) < 3*time.Second || turned.Load() < 3 && time.Since(began) < time.Minute) {
				l.round()
			}
		})
	}
	turning.Go(func() {
		for n := 1; !over.Load(); n++ {
			turned.Add(1)
			for _, dir := range []string{bundle, next} {
				replace(t, filepath.Join(dir, "leaves/data.json"), fmt.Sprintf(`{"generation":%d}`, n))
			}
			for loads := strings.Count(s.log.String(), `"msg":"bundle loaded"`) + 2; !over.Load() && strings.Count(s.log.String(), `"msg":"bundle loaded"`) < loads; {
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	asking.Wait()
	over.Store(true)
	turning.Wait()
	s.client.CloseIdleConnections()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	own := func(what, trace, text string) (mark string) {
		t.Helper()
		mark = "m" + trace[24:26] + "-" + trace[26:]
		for _, other := range marked.FindAllString(text, -1) {
			if other != mark {
				t.Errorf("%s of %s has %s: %s", what, mark, other, text)
			}
		}
		for _, other := range named.FindAllString(text, -1) {
			if other[len(other)-2:] != trace[24:26] {
				t.Errorf("%s of %s has %s: %s", what, mark, other, text)
			}
		}
		return mark
	}
	got, shadows, generations := map[string]int{}, 0, map[string]string{}
	byPlace := map[string]leaf{}
	place := func(id string, item string) string { return id + " " + item }
	files, err := filepath.Glob(filepath.Join(logs, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for line := range strings.Lines(logText(t, file)) {
			var r leaf
			if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Trace) != 32 || r.Failed != "" {
				t.Fatalf("%v: %s", err, line)
			}
			mark := own("the record", r.Trace, line)
			if user := "user_u" + mark[1:3]; r.User != "" && (r.User != user || r.Seen != user || r.Session != "") {
				t.Errorf("the record of %s is not its user's, or its mask another's: %s", mark, line)
			}
			if r.Route != "" && r.Path != "/o/"+mark+"/x" {
				t.Errorf("the record of %s is of another path: %s", mark, line)
			}
			if r.Shadow != nil {
				shadows++
				continue
			}
			got[mark]++
			if ids[r.ID] != mark && r.Door != "batch_data" {
				t.Errorf("the record of %s has the id that was given to %s: %s", mark, ids[r.ID], line)
			}
			for _, reason := range r.Reasons {
				mine, generation, ok := strings.Cut(reason.Message, " in ")
				if !ok || !strings.HasPrefix(mine, "no ") {
					continue
				}
				if was, ok := generations[r.Digest]; ok && was != generation {
					t.Errorf("the bundle %s decided as generation %s and %s: %s", r.Digest, was, generation, line)
				}
				generations[r.Digest] = generation
			}
			item := ""
			if r.Item != nil {
				item = fmt.Sprint(*r.Item)
				if said := saidItem.FindStringSubmatch(string(r.Input)); said != nil && said[1] != item {
					t.Errorf("item %s of %s has another's input: %s", item, mark, line)
				}
			}
			byPlace[place(r.ID, item)] = r
		}
	}
	for mark, n := range wanted {
		if got[mark] != n {
			t.Errorf("%d records of %s, want %d", got[mark], mark, n)
		}
	}
	doors := map[string]int{}
	for _, span := range c.Spans() {
		id, item := attribute(span, "postern.decision_id"), attribute(span, "postern.item")
		own("the span", hex.EncodeToString(span.GetTraceId()), span.Span.String())
		r, ok := byPlace[place(id, item)]
		if !ok && attribute(span, "postern.items") != "" {
			continue // of a whole batch
		}
		var codes []string
		for _, reason := range r.Reasons {
			codes = append(codes, reason.Code)
		}
		if !ok || r.Trace != hex.EncodeToString(span.GetTraceId()) || r.Span != hex.EncodeToString(span.GetSpanId()) || attribute(span, "postern.door") != r.Door ||
			attribute(span, "postern.route") != r.Route || attribute(span, "postern.status") != fmt.Sprint(r.Status) || attribute(span, "postern.bundle.digest") != r.Digest ||
			attribute(span, "postern.reasons") != strings.Join(slices.Compact(codes), " ") {
			t.Errorf("the span %v is not of its record %+v", span.Span, r)
		}
		doors[r.Door]++
	}
	if len(doors) != 12 || shadows == 0 || len(generations) < 2 || len(files) < 2 {
		t.Errorf("spans %v, %d records of the shadow, generations %v, %d files: too few to tell", doors, shadows, generations, len(files))
	}
}

// logText is the text of a file of the log.
func logText(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
