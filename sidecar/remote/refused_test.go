package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// An admission says why archives are not admitted, as a test sets it.
type admission struct {
	refuse atomic.Pointer[[]byte]
	panics atomic.Bool
}

func (a *admission) admit(_ context.Context, archive []byte) error {
	if a.panics.Load() {
		panic("planted")
	}
	if bad := a.refuse.Load(); bad != nil && bytes.Equal(*bad, archive) {
		return errors.New("not admitted by the test")
	}
	return nil
}

// TestRefused: an archive that is not admitted is never the latest, is not sent again, and can
// be looked at again without the server. It is the same at a URL and at a registry.
func TestRefused(t *testing.T) {
	good, bad := revision(t, "good"), revision(t, "bad")
	f := func(name string, source func(o func(*Options)) *Source, publish func([]byte), sent func() int, down func()) {
		t.Run(name, func(t *testing.T) {
			a := &admission{}
			a.refuse.Store(&bad)
			log := &lines{}
			s := source(func(o *Options) { o.Admit, o.Logger = a.admit, log.logger() })
			mustFetch(t, s, good)
			r := run(t, s)
			publish(bad)
			wantFault(t, s, "not admitted by the test")
			before := sent()
			for range 3 {
				wantFault(t, s, "not admitted by the test")
			}
			unchanged := s.Status().Unchanged
			eventually(t, "it is asked again and again", func() bool { return s.Status().Unchanged > unchanged+3 })
			if n := sent() - before; n != 0 {
				t.Errorf("what is refused was sent %d times again", n)
			}
			wantLatest(t, s, good)
			st := s.Status()
			if st.Digest != digestOf(good) || st.Refused == nil || st.Refused.Digest != digestOf(bad) || st.Refused.Since.IsZero() ||
				st.Refused.Error != st.Error || st.Failures == 0 || st.Fetches != 1 || st.Reached.IsZero() {
				t.Errorf("Status = %+v, %+v", st, st.Refused)
			}
			if strings.Contains(log.String(), "failed") {
				t.Errorf("what is refused is told of as out of reach:\n%s", log)
			}
			s.Again(t.Context())
			if s.Status().Refused == nil {
				t.Error("what is still refused is admitted")
			}
			eventually(t, "Run tells of the refusal once", func() bool { return r.count() == 1 })
			// The cause passes while the server is down.
			down()
			eventually(t, "the server is down", func() bool { return strings.Contains(s.Status().Error, "503") })
			if s.Status().Refused == nil {
				t.Error("while the server is down, nothing says what is refused")
			}
			a.refuse.Store(&good)
			s.Again(t.Context())
			wantLatest(t, s, bad)
			if st := s.Status(); st.Refused != nil || !strings.Contains(st.Error, "503") {
				t.Errorf("Status = %+v", st)
			}
			eventually(t, "Run tells of the admission", func() bool { return r.count() == 2 })
		})
	}
	var h *etags
	f("URL", func(change func(*Options)) *Source {
		h = &etags{}
		h.put(good)
		o := defaults(serve(t, h.ServeHTTP).URL)
		change(&o)
		return newSource(t, o)
	}, func(content []byte) { h.put(content) }, func() int { return int(h.sent.Load()) }, func() { h.down.Store(true) })

	first, second := newForger(t, good), newForger(t, bad)
	var registry atomic.Pointer[forger]
	var unavailable atomic.Bool
	registry.Store(first)
	f("registry", func(change func(*Options)) *Source {
		at := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if unavailable.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			registry.Load().ServeHTTP(w, r)
		})
		o := defaults("oci://" + strings.TrimPrefix(at.URL, "http://") + "/main:prod")
		change(&o)
		return newSource(t, o)
	}, func([]byte) { registry.Store(second) }, func() int { return strings.Count(second.asked(), "GET /v2/main/blobs") }, func() { unavailable.Store(true) })
}

// An etags server sends one archive, and counts how often.
type etags struct {
	current atomic.Pointer[[]byte]
	sent    atomic.Int64
	down    atomic.Bool
	bare    atomic.Bool // nothing says where the answer ends
}

func (e *etags) put(archive []byte) { e.current.Store(&archive) }

func (e *etags) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	archive := *e.current.Load()
	w.Header().Set("ETag", digestOf(archive))
	if r.Header.Get("If-None-Match") == digestOf(archive) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	e.sent.Add(1)
	if !e.bare.Load() {
		_, _ = w.Write(archive)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\nETag: %s\r\n\r\n", digestOf(archive))
	_, _ = conn.Write(archive)
}

// TestRefused_back: a server that goes back to what was admitted before has nothing refused.
func TestRefused_back(t *testing.T) {
	good := revision(t, "good")
	h := &etags{}
	h.put(good)
	s := newSource(t, defaults(serve(t, h.ServeHTTP).URL))
	mustFetch(t, s, good)
	h.put([]byte("no archive"))
	wantFault(t, s, "read as .tar.gz")
	h.put(good)
	mustFetch(t, s, good)
	if st := s.Status(); st.Refused != nil || st.Error != "" {
		t.Errorf("Status = %+v", st)
	}
	mustFetch(t, s, good)
	if n := h.sent.Load(); n != 3 {
		t.Errorf("%d archives were sent, want 3", n)
	}
}

// TestRefused_cutOff: an answer that does not say where it ends may be a part of a good archive
// under its ETag: it is asked for again.
func TestRefused_cutOff(t *testing.T) {
	good := revision(t, "good")
	h := &etags{}
	h.put(good[:len(good)/2])
	h.bare.Store(true)
	s := newSource(t, defaults(serve(t, h.ServeHTTP).URL))
	for range 2 {
		wantFault(t, s, "unexpected EOF")
	}
	if n := h.sent.Load(); n != 2 || s.Status().Refused != nil {
		t.Errorf("%d archives were sent, want 2; Status = %+v", n, s.Status())
	}
	h.put(good)
	mustFetch(t, s, good)
}

// TestRefused_panic: a library that panics on what a server sent has refused it, and the
// process goes on: the reading is in goroutines of OPA's and oras-go's.
func TestRefused_panic(t *testing.T) {
	one := revision(t, "one")
	for _, url := range []string{serve(t, send(one)).URL, newForger(t, one).reference(t, ":prod")} {
		a := &admission{}
		a.panics.Store(true)
		o := defaults(url)
		o.Admit = a.admit
		s := newSource(t, o)
		wantFault(t, s, "panicked")
		if _, ok := s.Latest(); ok || s.Status().Refused == nil {
			t.Errorf("%s: Status = %+v", url, s.Status())
		}
		if strings.Contains(s.Status().Error, "planted") {
			t.Errorf("%s: the error quotes the panic", url)
		}
		s.Again(t.Context())
		a.panics.Store(false)
		s.Again(t.Context())
		wantLatest(t, s, one)
	}
}

// TestExchange_panic: a panic while a request of OPA's is answered fails the attempt.
func TestExchange_panic(t *testing.T) {
	var armed atomic.Bool
	o := defaults(serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }).URL)
	o.Now = func() time.Time {
		if armed.CompareAndSwap(true, false) { // by what reads Retry-After
			panic("planted")
		}
		return time.Now()
	}
	s := newSource(t, o)
	armed.Store(true)
	wantFault(t, s, "panicked")
	wantFault(t, s, "503")
}

// TestKept_saidOnce: why what is kept is not used is said once for each run of a cause, however
// often it is looked at.
func TestKept_saidOnce(t *testing.T) {
	log := &lines{}
	o := defaults("https://a.example/b")
	o.Directory, o.Logger = t.TempDir(), log.logger()
	s := newSource(t, o)
	f := func(text string, want int) {
		t.Helper()
		writeFile(t, s.keptPath(), text)
		for range 3 {
			if _, ok := s.Kept(); ok {
				t.Error("it is used")
			}
		}
		if n := strings.Count(log.String(), "the kept bundle is not used"); n != want {
			t.Errorf("%d lines, want %d:\n%s", n, want, log)
		}
	}
	f("", 1)
	f("x", 1)
	chmod(t, s.keptPath(), 0o620)
	f("x", 2)
	if err := s.Keep(sample(t, "one")); err != nil {
		t.Fatal(err)
	}
	wantKept(t, s, sample(t, "one"))
	f("", 3)
}
