package audit

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins/logs"

	"postern/sidecar/decision"
)

// A taker is a server that takes decision logs.
type taker struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex // guards what follows
	answers  []int      // to the first requests; then 200
	header   http.Header
	largest  int // of a body that it takes, 0 for any
	requests []*http.Request
	sizes    []int
	events   []logs.EventV1
}

func take(t testing.TB, answers ...int) *taker {
	s := &taker{t: t, answers: answers, header: http.Header{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.requests = append(s.requests, r)
	for name, values := range s.header {
		w.Header()[name] = values
	}
	if s.largest > 0 && len(body) > s.largest {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if len(s.answers) > 0 {
		status := s.answers[0]
		s.answers = s.answers[1:]
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	s.sizes = append(s.sizes, len(body))
	packed, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		s.t.Error(err)
		return
	}
	d := json.NewDecoder(packed)
	d.DisallowUnknownFields()
	var events []logs.EventV1
	if err := d.Decode(&events); err != nil {
		s.t.Errorf("no events of OPA: %v", err)
	}
	s.events = append(s.events, events...)
}

func (s *taker) got() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

func (s *taker) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *taker) options() Options {
	return Options{
		To: s.URL, Version: "v9", Bundle: "b",
		Upload: Upload{Chunk: 4 << 10, MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond, Timeout: 10 * time.Second},
	}
}

// TestUpload: every record comes as an event that OPA's own type can hold, in chunks that
// are not larger than they may be.
func TestUpload(t *testing.T) {
	s := take(t)
	l := opened(t, s.options())
	const n = 500
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	for i := range n {
		l.Write(&Record{
			ID: fmt.Sprint(i), Time: at, Door: "check", Client: "ci", Item: &i, Question: []byte(`{"any":[{"role":"` + fmt.Sprint(rand.Uint64()) + `"}]}`),
			User: "ada", Status: 403, Reasons: decision.Because(decision.RoleRequired, "no <role>").Reasons, Revision: "7", Digest: "sha256:ab", Engine: "opa 1",
			TraceID: "0af7", SpanID: "b7ad", Input: []byte(`{"check":1}`), Nanoseconds: 1234,
		})
	}
	shut(l)
	if s.got() != n || l.Status().Records[Written] != n || l.Lost() != 0 || l.Status().Uploads["ok"] != uint64(len(s.sizes)) {
		t.Fatalf("%d events, status %+v", s.got(), l.Status())
	}
	for _, size := range s.sizes {
		if size > 4<<10 {
			t.Errorf("a chunk of %d bytes", size)
		}
	}
	if len(s.sizes) < 3 {
		t.Errorf("%d chunks", len(s.sizes))
	}
	for i, e := range s.events {
		text := func(v any) string { out, _ := json.Marshal(v); return string(out) }
		if e.DecisionID != fmt.Sprint(i) || len(e.Labels["id"]) != 36 || e.Labels["version"] != "v9" || e.Labels["app"] != "postern" || !e.Timestamp.Equal(at) ||
			e.Bundles["b"].Revision != "7" || e.Path != "check" || e.RequestedBy != "ci" || e.TraceID != "0af7" || e.SpanID != "b7ad" ||
			text(e.Input) != `{"check":1}` || text(e.Metrics) != `{"timer_server_handler_ns":1234}` {
			t.Fatalf("event %d: %s", i, text(e))
		}
		if want := `{"allow":false,"reasons":[{"code":"role_required","message":"no \u003crole\u003e"}],"status":403}`; text(e.Result) != want {
			t.Fatalf("result %s, want %s", text(e.Result), want)
		}
		for _, name := range []string{"door", "item", "question", "user", "digest", "engine"} {
			if _, ok := e.Custom[name]; !ok {
				t.Fatalf("custom lacks %s: %s", name, text(e.Custom))
			}
		}
	}
	r := s.requests[0]
	if r.URL.Path != "/logs" || r.Method != "POST" || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "postern/v9" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
}

// TestUpload_labels: each record has the labels that were asked for, and the host's name
// where none was; who sent it nobody else says.
func TestUpload_labels(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	f := func(labels, want map[string]string) {
		t.Helper()
		s := take(t)
		o := s.options()
		o.Upload.Labels = labels
		l := opened(t, o)
		l.Write(&Record{ID: "a", Time: time.Now()})
		shut(l)
		if s.got() != 1 || len(s.events[0].Labels["id"]) != 36 {
			t.Fatalf("%d events", s.got())
		}
		delete(s.events[0].Labels, "id")
		want["version"], want["app"] = "v9", "postern"
		if got := s.events[0].Labels; !maps.Equal(got, want) {
			t.Errorf("labels %v, want %v", got, want)
		}
	}
	f(nil, map[string]string{"host": host})
	f(map[string]string{"region": "eu \"1\"", "id": "x", "app": "x", "version": "x"}, map[string]string{"host": host, "region": "eu \"1\""})
	f(map[string]string{"host": "mine"}, map[string]string{"host": "mine"})
}

// TestEvent: other records, masked ones too, are events; what a mask made of a member that OPA
// wants as a text is nothing for OPA.
func TestEvent(t *testing.T) {
	e := event{labels: []byte(`{"id":"1"}`), bundle: "a\"b"}
	f := func(line, want string) {
		t.Helper()
		got, err := e.append(nil, []byte(line))
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		d := json.NewDecoder(strings.NewReader(string(got)))
		d.DisallowUnknownFields()
		if err := d.Decode(new(logs.EventV1)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
	f(`{"decision_id":"d","time":"2026-01-01T00:00:00Z","door":"data","question":{"path":["a","b/c"],"batch_decision_id":"e"},"allow":true,"status":200}`,
		`{"labels":{"id":"1"},"decision_id":"d","timestamp":"2026-01-01T00:00:00Z","batch_decision_id":"e","path":"a/b/c","result":{"allow":true,"status":200},"custom":{"door":"data","question":{"path":["a","b/c"],"batch_decision_id":"e"}}}`)
	f(`{"decision_id":"d","time":"2026-01-01T00:00:00Z","door":"data","allow":true,"status":200,"revision":"1","erased":["/question"],"masked":["/x"],"x":1}`,
		`{"labels":{"id":"1"},"decision_id":"d","timestamp":"2026-01-01T00:00:00Z","bundles":{"a\"b":{"revision":"1"}},"path":"data","result":{"allow":true,"status":200},"erased":["/question"],"masked":["/x"],"custom":{"door":"data","x":1}}`)
	f(`{"decision_id":"d","time":"2026-01-01T00:00:00Z","door":7,"client":null,"trace_id":[],"revision":2,"allow":true,"status":200,"mask_error":"path","labels":"x","path":"/a"}`,
		`{"labels":{"id":"1"},"decision_id":"d","timestamp":"2026-01-01T00:00:00Z","result":{"allow":true,"status":200},"custom":{"door":7,"client":null,"trace_id":[],"revision":2,"mask_error":"path","labels":"x","path":"/a"}}`)
}

// TestUpload_again: what may go well later is sent again, and what may not is lost.
func TestUpload_again(t *testing.T) {
	f := func(status, want int) {
		t.Helper()
		s := take(t, status, status)
		l := opened(t, s.options())
		l.Write(&Record{ID: "a", Time: time.Now()})
		eventually(t, "it is taken or lost", func() bool { return s.got() == 1 || l.Lost() == 1 })
		l.Write(&Record{ID: "b", Time: time.Now()})
		l.Write(&Record{ID: "c", Time: time.Now()})
		eventually(t, "they are taken or lost", func() bool { return s.got()+int(l.Lost()) == 3 })
		if want == 0 && s.got() == 0 && l.Write(&Record{Required: true}) {
			t.Errorf("%d: what the server refuses is taken for logged", status)
		}
		l.Write(&Record{ID: "d", Time: time.Now()})
		l.Write(&Record{ID: "e", Time: time.Now()})
		eventually(t, "the log is well", func() bool { return s.got()+int(l.Lost()) == 5 && !l.Status().Failing })
		shut(l)
		if got := s.got(); got < want+1 || (want == 3) != (l.Lost() == 0) {
			t.Errorf("%d: %d events and %d lost, want at least %d", status, got, l.Lost(), want)
		}
		if st := l.Status(); st.Lost[LostUpload] != l.Lost() || st.Uploads["error"] != 2 {
			t.Errorf("%d: %+v", status, st)
		}
	}
	for _, status := range []int{401, 403, 408, 429, 500, 502, 503, 302, 308} {
		f(status, 3)
	}
	for _, status := range []int{400, 404, 410} {
		f(status, 0)
	}
}

// TestUpload_splits: a server that takes less than a chunk gets less.
func TestUpload_splits(t *testing.T) {
	s := take(t)
	s.largest = 1000
	o := s.options()
	o.Upload.MinDelay, o.Upload.MaxDelay = 50*time.Millisecond, time.Second
	l := opened(t, o)
	for i := range 100 {
		l.Write(&Record{ID: fmt.Sprint(i), Time: time.Now(), User: fmt.Sprint(rand.Uint64())})
	}
	// Little is left of one that is alone and still too large.
	l.Write(&Record{ID: "large", Time: time.Now(), Path: noise(3000)})
	shut(l)
	if st := l.Status(); s.got() != 101 || l.Lost() != 0 || st.Records[Reduced] != 1 || st.Records[Written] != 100 {
		t.Errorf("%d events, %+v", s.got(), l.Status())
	}
}

// TestUpload_noEvent: what is no event is lost alone, and not one of those that it waits with.
func TestUpload_noEvent(t *testing.T) {
	s := take(t)
	o := s.options()
	o.Upload.MinDelay = time.Second
	l := opened(t, o)
	for i := range 5 {
		r := Record{ID: fmt.Sprint(i), Time: time.Now()}
		if i == 2 {
			r.Question = []byte(`{"broken`)
		}
		l.Write(&r)
	}
	shut(l)
	var ids []string
	for _, e := range s.events {
		ids = append(ids, e.DecisionID)
	}
	if got := strings.Join(ids, ","); got != "0,1,3,4" || l.Status().Lost[LostUpload] != 1 || l.Status().Records[Written] != 4 {
		t.Errorf("events %s, %+v", got, l.Status())
	}
}

// TestUpload_takesNothing: a server to which everything is too large takes nothing, and what
// is required is not taken for logged.
func TestUpload_takesNothing(t *testing.T) {
	s := take(t)
	s.largest = 1
	l := opened(t, s.options())
	for range 5 {
		l.Write(&Record{Time: time.Now()})
	}
	eventually(t, "all are lost", func() bool { return l.Status().Lost[LostUpload] == 5 })
	if !l.Status().Failing || l.Write(&Record{Required: true}) {
		t.Errorf("%+v", l.Status())
	}
}

// noise is a text that cannot be compressed much.
func noise(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[rand.N(64)]
	}
	return string(out)
}

// TestUpload_large: a record that is larger than a chunk goes alone, up to four of them; of
// one that is larger little is left, and it is not lost.
func TestUpload_large(t *testing.T) {
	s := take(t)
	var warned told
	o := s.options()
	o.Warn = warned.changed
	l := opened(t, o)
	l.Write(&Record{ID: "alone", Time: time.Now(), Path: noise(12 << 10)})
	l.Write(&Record{ID: "little", Time: time.Now(), Door: "check", Path: noise(40 << 10), User: "ada", Allow: true, Status: 200, Required: true})
	l.Write(&Record{ID: "small", Time: time.Now()})
	eventually(t, "all is done", func() bool { return s.got()+int(l.Lost()) == 3 })
	if l.Status().Failing {
		t.Error("a record that is too large keeps others from being required")
	}
	shut(l)
	if s.got() != 3 || s.events[0].DecisionID != "alone" || s.events[1].DecisionID != "little" || s.events[2].DecisionID != "small" || s.sizes[0] <= 4<<10 {
		t.Fatalf("%d events, sizes %v", s.got(), s.sizes)
	}
	custom, err := json.Marshal(s.events[1].Custom)
	result, also := json.Marshal(s.events[1].Result)
	if err != nil || also != nil || string(custom) != `{"door":"check","mask_error":"size"}` || string(result) != `{"allow":true,"status":200}` {
		t.Errorf("little is %s, %s", custom, result)
	}
	if st := l.Status(); l.Lost() != 0 || st.Records[Reduced] != 1 || st.Records[Written] != 2 || warned.changes.Load() != 0 {
		t.Errorf("%+v, %d warnings", st, warned.changes.Load())
	}
}

// TestUpload_token: the token is read at each request, and follows no redirect.
func TestUpload_token(t *testing.T) {
	thief := take(t)
	s := take(t, 307, 200)
	s.header.Set("Location", thief.URL+"/logs")
	o := s.options()
	o.To = s.URL + "/v1/take?secret=hunter2"
	o.Upload.TokenFile = filepath.Join(t.TempDir(), "token")
	l := opened(t, o)
	l.Write(&Record{ID: "a", Time: time.Now()})
	eventually(t, "the missing token is noticed", func() bool { return l.Status().Failing })
	if text := l.Status().Error; strings.Contains(text, "hunter2") || s.asked() != 0 {
		t.Errorf("%s; %d requests without a token", text, s.asked())
	}
	if err := os.WriteFile(o.Upload.TokenFile, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a is sent", func() bool { return s.got() == 1 })
	if err := os.WriteFile(o.Upload.TokenFile, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.Write(&Record{ID: "b", Time: time.Now()})
	shut(l)
	if n := len(s.requests); n != 3 || s.requests[0].Header.Get("Authorization") != "Bearer one" || s.requests[2].Header.Get("Authorization") != "Bearer two" || s.requests[2].URL.Path != "/v1/take" {
		t.Errorf("%d requests", n)
	}
	if thief.asked() != 0 {
		t.Error("a redirect was followed")
	}
	if to := l.Status().To; strings.Contains(to, "hunter2") || !strings.HasSuffix(to, "/v1/take") {
		t.Errorf("status shows %s", to)
	}
}

// TestUpload_tokenExpires: while the server takes the token for none, records wait, and what
// is required is not taken for logged; with a new token all of them arrive.
func TestUpload_tokenExpires(t *testing.T) {
	s := take(t)
	var refused atomic.Int64
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer new" {
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(guarded.Close)
	o := s.options()
	o.To = guarded.URL
	o.Upload.TokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(o.Upload.TokenFile, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := opened(t, o)
	const n = 300
	for i := range n {
		l.Write(&Record{ID: fmt.Sprint(i), Time: time.Now(), User: noise(100)})
	}
	eventually(t, "it is refused again and again", func() bool { return refused.Load() > 3 })
	if st := l.Status(); !st.Failing || l.Lost() != 0 || !strings.Contains(st.Error, "401 Unauthorized") || l.Write(&Record{Required: true}) {
		t.Errorf("while the token is refused: %+v", st)
	}
	if err := os.WriteFile(o.Upload.TokenFile, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all arrive", func() bool { return s.got() == n })
	eventually(t, "the log is well", func() bool { return !l.Status().Failing })
	shut(l)
	if l.Lost() != 0 || l.Status().Records[Written] != n {
		t.Errorf("%+v", l.Status())
	}
}

// TestUpload_unreachable: an error does not quote the URL's query.
func TestUpload_unreachable(t *testing.T) {
	s := take(t)
	o := s.options()
	o.To += "/a?secret=hunter2"
	s.Server.Close()
	l := opened(t, o)
	l.Write(&Record{ID: "a", Time: time.Now()})
	eventually(t, "it fails", func() bool { return l.Status().Failing })
	if l.Write(&Record{Required: true}) {
		t.Error("a log that fails takes what is required")
	}
	if text := l.Status().Error; strings.Contains(text, "hunter2") || !strings.Contains(text, "refused") {
		t.Errorf("error %q", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	l.Close(ctx)
	if l.Status().Lost[LostUpload] != 1 {
		t.Errorf("%+v", l.Status())
	}
}

// TestUpload_pause: it grows within its bounds, and is what the server asks for.
func TestUpload_pause(t *testing.T) {
	u := &uploader{upload: Upload{MinDelay: time.Second, MaxDelay: time.Minute}}
	for n := 1; n < 100; n++ {
		limit := min(time.Minute, time.Second<<min(n, 10))
		if d := u.pause(n, io.EOF); d > limit || d < limit/2 {
			t.Errorf("pause(%d) = %s, want from %s to %s", n, d, limit/2, limit)
		}
	}
	if d := u.pause(1, refusal{429, 40 * time.Second}); d != 40*time.Second {
		t.Errorf("pause = %s, want what the server asks for", d)
	}
}

// TestUpload_closes: what waits is sent at the end, whatever the delay.
func TestUpload_closes(t *testing.T) {
	s := take(t)
	o := s.options()
	o.Upload.MinDelay, o.Upload.MaxDelay = time.Hour, 2*time.Hour
	l := opened(t, o)
	l.Write(&Record{ID: "a", Time: time.Now()})
	eventually(t, "the first is sent at once", func() bool { return s.got() == 1 })
	l.Write(&Record{ID: "b", Time: time.Now()})
	shut(l)
	if s.got() != 2 || l.Lost() != 0 {
		t.Errorf("%d events, %d lost", s.got(), l.Lost())
	}
}

func TestOpen_upload(t *testing.T) {
	for _, o := range []Options{
		{To: "http://"}, {To: "http://user:pw@a"}, {To: "https://a", Upload: Upload{CA: "missing"}},
		{To: "https://a", Upload: Upload{CA: "upload_test.go"}}, {To: "https://a", Upload: Upload{Cert: "missing", Key: "missing"}},
	} {
		if l, err := Open(o); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("Open(%+v) = %v, %v", o, l, err)
		}
	}
}
