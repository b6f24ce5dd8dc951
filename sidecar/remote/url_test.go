package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestFetch_hostile: what servers can send that no static server does.
func TestFetch_hostile(t *testing.T) {
	one := revision(t, "one")
	var bomb bytes.Buffer
	gz := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(gz, zeros{}, 20<<20); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"promises more": {lie(one, len(one)+1), "the answer is cut off: unexpected EOF"},
		"promises less": {lie(one, len(one)-1), "unexpected EOF"},
		"promises much": {lie(one, 1<<40), "promises 1099511627776 bytes"},
		"sends much": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(one); err != nil {
					return
				}
			}
		}, "more than the limit of 1000000 bytes"},
		"bomb":           {send(bomb.Bytes()), "larger when decompressed"},
		"empty":          {send([]byte{}), "the file is empty"},
		"html":           {send([]byte("<html>")), "read as .tar.gz"},
		"a tail":         {send(append(one[:len(one):len(one)], one...)), "data follows the end"},
		"bad checksum":   {send(flip(one, len(one)-6)), "checksum"},
		"delta":          {send(archiveOf(t, map[string]string{"patch.json": `{"data": []}`})), "delta bundle"},
		"never asked":    {status(http.StatusNotModified), "never fetched"},
		"no content":     {status(http.StatusNoContent), "the server answers 204"},
		"partial":        {status(http.StatusPartialContent), "the server answers 206"},
		"teapot":         {status(http.StatusTeapot), "the server answers 418"},
		"nowhere":        {status(http.StatusFound), "302"},
		"another scheme": {redirect("file:///etc/passwd"), "unsupported protocol scheme"},
		"hangs up":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a large header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "header"},
		"a large file":   {send(archiveOf(t, map[string]string{"model/data.yaml": strings.Repeat("a", 2_000_000)})), "larger than 1000000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			o := defaults(serve(t, tc.answer).URL)
			o.Limits.TotalBytes = 1_000_000
			s := newSource(t, o)
			wantFault(t, s, tc.want)
			if _, ok := s.Latest(); ok {
				t.Error("it is held")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func send(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

func flip(body []byte, at int) []byte {
	other := bytes.Clone(body)
	other[at] ^= 1
	return other
}

// lie promises another length than it sends.
func lie(body []byte, length int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintf(buffered, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length)
		_, _ = buffered.Write(body)
		_ = buffered.Flush()
	}
}

// TestFetch_opaSeesNothing: what OPA's reader would choke on, and ours takes, since it is
// for the whole load to judge, reaches OPA in no form.
func TestFetch_opaSeesNothing(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		p := string(c - 1)
		bomb += fmt.Sprintf("%c: &%c [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\n", c, c, p, p, p, p, p, p, p, p)
	}
	archive := archiveOf(t, map[string]string{"model/data.yaml": bomb, "a.rego": "this is not Rego"})
	s := newSource(t, defaults(serve(t, send(archive)).URL))
	mustFetch(t, s, archive)
}

// TestRetryAfter: a server that wants to be asked later is, within an hour.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		code        int
		header      string
		least, most time.Duration
	}{
		{429, "120", 2 * time.Minute, 2 * time.Minute},
		{503, "120", 2 * time.Minute, 2 * time.Minute},
		{503, now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second, 90 * time.Second},
		{503, now.Add(-time.Hour).Format(http.TimeFormat), 0, time.Second},
		{503, "86400", time.Hour, time.Hour},
		{503, "99999999999999999999999999", time.Hour, time.Hour},
		{503, now.Add(48 * time.Hour).Format(http.TimeFormat), time.Hour, time.Hour},
		{503, "-1", 0, time.Second},
		{503, "soon", 0, time.Second},
		{503, "", 0, time.Second},
		{500, "120", 0, time.Second},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tc.header)
			w.WriteHeader(tc.code)
		})
		o := defaults(server.URL)
		o.Max, o.Now = time.Second, func() time.Time { return now }
		s := newSource(t, o)
		wantFault(t, s, strconv.Itoa(tc.code))
		status := s.Status()
		if wait := status.Next.Sub(status.Attempted); wait < tc.least || wait > tc.most {
			t.Errorf("%d with Retry-After %q: the next attempt is after %s, want from %s to %s", tc.code, tc.header, wait, tc.least, tc.most)
		}
		if real := time.Until(s.next()); real > tc.most || real < tc.least-10*time.Second {
			t.Errorf("%d with Retry-After %q: the next attempt is really after %s", tc.code, tc.header, real)
		}
	}
}

// A holder is a server that holds requests until there is news.
type holder struct {
	mu      sync.Mutex
	archive []byte
	news    chan struct{} // closed by put
	kind    string
	asked   []string // the Prefer header of each request
	waiting atomic.Int32
}

func (h *holder) put(archive []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.archive = archive
	if h.news != nil {
		close(h.news)
	}
	h.news = make(chan struct{})
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked = append(h.asked, r.Header.Get("Prefer"))
	archive, news := h.archive, h.news
	h.mu.Unlock()
	if r.Header.Get("If-None-Match") == digestOf(archive) {
		_, wait, ok := strings.Cut(r.Header.Get("Prefer"), "wait=")
		seconds, err := strconv.Atoi(wait)
		if !ok || err != nil {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.waiting.Add(1)
		defer h.waiting.Add(-1)
		select {
		case <-news:
		case <-r.Context().Done():
			return
		case <-time.After(time.Duration(seconds) * time.Second):
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.mu.Lock()
		archive = h.archive
		h.mu.Unlock()
	}
	w.Header().Set("Content-Type", h.kind)
	w.Header().Set("ETag", digestOf(archive))
	_, _ = w.Write(archive)
}

func (h *holder) prefers() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.asked...)
}

// TestRun_longPolling: news comes at once from a server that holds requests, and the end
// of Run ends a request that is held.
func TestRun_longPolling(t *testing.T) {
	h := &holder{kind: longPollType}
	one, two := revision(t, "one"), revision(t, "two")
	h.put(one)
	server := serve(t, h.ServeHTTP)
	noLeaks(t, func() {
		o := defaults(server.URL)
		// Without long polling nothing would happen in the time of a test.
		o.Min, o.Max, o.Long = time.Hour, time.Hour, 300*time.Second
		s := newSource(t, o)
		r := run(t, s)
		eventually(t, "the first archive", func() bool { return r.count() == 1 })
		eventually(t, "a request that is held", func() bool { return h.waiting.Load() == 1 })
		if !s.Status().LongPolling {
			t.Error("Status does not say that the server holds requests")
		}
		h.put(two)
		eventually(t, "the second archive", func() bool { return r.count() == 2 })
		wantLatest(t, s, two)
		eventually(t, "a request that is held", func() bool { return h.waiting.Load() == 1 })
		before := s.Status().Failures
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Run ended after %s", took)
		}
		if s.Status().Failures != before {
			t.Error("the end of Run counts as a failure")
		}
		if got := h.prefers()[0]; got != "modes=snapshot;wait=300" {
			t.Errorf("Prefer = %q", got)
		}
	})
}

// TestFetch_held: who wants to know now does not wait until a held request has news, and the
// server goes on holding requests after it.
func TestFetch_held(t *testing.T) {
	h := &holder{kind: longPollType}
	one := revision(t, "one")
	h.put(one)
	server := serve(t, h.ServeHTTP)
	noLeaks(t, func() {
		o := defaults(server.URL)
		o.Min, o.Max, o.Long = time.Hour, time.Hour, 300*time.Second
		s := newSource(t, o)
		r := run(t, s)
		for range 3 {
			eventually(t, "a request that is held", func() bool { return h.waiting.Load() == 1 })
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			if err := s.Fetch(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
		eventually(t, "a request that is held again", func() bool { return h.waiting.Load() == 1 })
		if got := s.Status(); got.Failures != 0 || got.Fetches != 1 || got.Unchanged != 3 || !got.LongPolling {
			t.Errorf("Status = %+v, want three answers that nothing is new", got)
		}
		wantLatest(t, s, one)
		r.stop()
	})
}

// TestRun_longPollingTimeout: nothing new within the time is an answer, after which the
// server is asked again soon; the time of a download comes on top.
func TestRun_longPollingTimeout(t *testing.T) {
	h := &holder{kind: longPollType}
	h.put(revision(t, "one"))
	o := defaults(serve(t, h.ServeHTTP).URL)
	o.Min, o.Max, o.Long = 20*time.Millisecond, time.Hour, time.Second
	s := newSource(t, o)
	r := run(t, s)
	eventually(t, "two answers that nothing is new", func() bool { return s.Status().Unchanged >= 2 })
	r.stop()
	if got := s.Status(); got.Failures != 0 || got.Fetches != 1 || !got.LongPolling {
		t.Errorf("Status = %+v", got)
	}
}

// TestFetch_notPatient: a server without OPA's content type is asked as any other, and one
// that says that it holds requests and does not is not asked all the time.
func TestFetch_notPatient(t *testing.T) {
	h := &holder{kind: "application/gzip"}
	h.put(revision(t, "one"))
	o := defaults(serve(t, h.ServeHTTP).URL)
	o.Min, o.Max, o.Long = time.Hour, time.Hour, 300*time.Second
	s := newSource(t, o)
	for range 2 {
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.prefers(); got[1] != "modes=snapshot" || s.Status().LongPolling {
		t.Errorf("Prefer = %q, LongPolling = %v", got, s.Status().LongPolling)
	}

	liar := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", longPollType)
		w.Header().Set("ETag", `"a"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(h.archive)
	})
	o.URL = liar.URL
	s = newSource(t, o)
	for range 2 {
		if err := s.attempt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if wait := time.Until(s.next()); wait < 50*time.Minute {
		t.Errorf("a server that does not hold requests is asked again after %s", wait)
	}
}

// TestFetch_onePerTime: attempts do not overlap, whatever asks for them, and one that waits
// for its turn gives up with its context.
func TestFetch_onePerTime(t *testing.T) {
	var under, most, all atomic.Int32
	one := revision(t, "one")
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), under.Add(1)))
		defer under.Add(-1)
		if all.Add(1) == 1 {
			<-release
		}
		_, _ = w.Write(one)
	})
	s := newSource(t, defaults(server.URL))
	r := run(t, s)
	eventually(t, "an attempt", func() bool { return all.Load() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Fetch = %v while another attempt is under way", err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Fetch(t.Context()); err != nil {
				t.Errorf("Fetch = %v", err)
			}
		})
	}
	close(release)
	group.Wait()
	r.stop()
	if most.Load() != 1 {
		t.Errorf("%d attempts at one time, want 1", most.Load())
	}
	if got := r.count(); got != 1 {
		t.Errorf("changed was called %d times, want 1", got)
	}
}

// TestRun_fetched: what Fetch gets while Run waits is told, and what was there before Run
// is not.
func TestRun_fetched(t *testing.T) {
	h := &holder{kind: "application/gzip"}
	one, two := revision(t, "one"), revision(t, "two")
	h.put(one)
	o := defaults(serve(t, h.ServeHTTP).URL)
	o.Min, o.Max = time.Hour, time.Hour
	s := newSource(t, o)
	mustFetch(t, s, one)
	r := run(t, s)
	h.put(two)
	mustFetch(t, s, two)
	eventually(t, "the news", func() bool { return r.count() == 1 })
	r.stop()
	if got := len(h.prefers()); got != 2 {
		t.Errorf("the server was asked %d times, want 2", got)
	}
}

// TestFetch_canceled: the end of the caller is no failure of the server.
func TestFetch_canceled(t *testing.T) {
	asked := make(chan struct{})
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	noLeaks(t, func() {
		s := newSource(t, defaults(server.URL))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		if err := s.Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Fetch = %v, want canceled", err)
		}
		if got := s.Status(); got.Failures != 0 || got.Error != "" {
			t.Errorf("Status = %+v", got)
		}
	})
}

// TestFetch_proxy: the configured proxy is asked for other hosts, and never for this one.
func TestFetch_proxy(t *testing.T) {
	one := revision(t, "one")
	var through atomic.Value
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		through.Store(r.URL.String())
		_, _ = w.Write(one)
	})
	o := defaults("http://bundles.invalid/b.tar.gz")
	o.Proxy = proxy.URL
	mustFetch(t, newSource(t, o), one)
	if through.Load() != "http://bundles.invalid/b.tar.gz" {
		t.Errorf("the proxy was asked %v", through.Load())
	}
	direct := serve(t, send(one))
	through.Store("")
	o.URL = direct.URL
	mustFetch(t, newSource(t, o), one)
	if through.Load() != "" {
		t.Errorf("the proxy was asked %v", through.Load())
	}
	o.URL, o.Proxy = "https://bundles.invalid/b.tar.gz", "http://"+closed(t)
	wantFault(t, newSource(t, o), "connection refused")
	o.Proxy = ""
	o.URL = "https://bundles.invalid./b.tar.gz?sig=s3cret"
	wantFault(t, newSource(t, o), "bundles.invalid.")
}

// closed is an address that refuses connections.
func closed(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestFetch_exposedToken: a token that everybody can read is used, and said once.
func TestFetch_exposedToken(t *testing.T) {
	log := &lines{}
	o := defaults(serve(t, send(revision(t, "one"))).URL)
	o.TokenFile, o.Logger = writeFile(t, filepath.Join(t.TempDir(), "token"), "s3cret"), log.logger()
	chmod(t, o.TokenFile, 0o644)
	s := newSource(t, o)
	for range 3 {
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(log.String(), "everybody on this machine can read a secret"); got != 1 || strings.Contains(log.String(), "s3cret") {
		t.Errorf("logged %d times, want 1:\n%s", got, log)
	}
}
