package server_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/config"
)

// says is a bundle whose every denial carries a message, under a revision.
func sayingBundle(revision, message string) map[string]string {
	return map[string]string{
		".manifest":  fmt.Sprintf(`{"revision": %q, "roots": ["postern/extend"]}`, revision),
		"rules.rego": fmt.Sprintf("package postern.extend\n\ndeny contains {\"code\": \"policy_denied\", \"message\": %q} if true\n", message),
	}
}

// tarball is an archive of files.
func tarball(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A bundleServer serves one archive, with an ETag, or is out of order.
type bundleServer struct {
	*httptest.Server
	mu      sync.Mutex
	content []byte
	version int
	down    atomic.Bool
	sent    atomic.Int64 // how often the archive was sent
}

func publishing(t testing.TB, content []byte) *bundleServer {
	t.Helper()
	b := &bundleServer{}
	b.publish(content)
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.down.Load() {
			http.Error(w, "out of order", http.StatusBadGateway)
			return
		}
		b.mu.Lock()
		content, etag := b.content, fmt.Sprintf(`"v%d"`, b.version)
		b.mu.Unlock()
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		b.sent.Add(1)
		w.Header().Set("Content-Type", "application/gzip")
		_, _ = w.Write(content)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bundleServer) publish(content []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.content = content
	b.version++
}

// remotely is a configuration whose one bundle is at a URL, with more of its members.
func remotely(t testing.TB, url, members string, more ...string) *config.Config {
	t.Helper()
	c := standard(t, "placeholder", more...)
	c.Bundles = load(t, fmt.Sprintf("bundles: [{url: %q%s}]\nissuers: none\n", url, members)).Bundles
	c.Bundles[0].Poll.Min, c.Bundles[0].Poll.Max = 20*time.Millisecond, 40*time.Millisecond // less than a file may say
	return c
}

// An origin is what status says of one source.
type origin struct {
	Name, Revision, Digest string
	Kept, Stale            bool
	Unkept                 string
	SignedBy               string `json:"signed_by"`
	Server                 *struct {
		Error   string
		Refused *struct{ Digest, Error string }
	}
}

func (s *sidecar) origins() []origin {
	s.t.Helper()
	var status struct{ Origins []origin }
	a := s.do("GET", "admin:/v1/status", "")
	if err := json.Unmarshal([]byte(a.Body), &status); err != nil {
		s.t.Fatalf("%s: %v", a.Body, err)
	}
	return status.Origins
}

func TestSources_url(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	s := start(t, remotely(t, at.URL+"/policy.tar.gz?sig=hunter2", ""))
	good := sign(t, nil)
	s.says(good, "one")
	at.publish(tarball(t, sayingBundle("2", "two")))
	s.says(good, "two")
	o := s.origins()
	if len(o) != 1 || o[0].Name != at.URL+"/policy.tar.gz" || o[0].Revision != "2" || o[0].Kept || o[0].Stale || o[0].Server == nil {
		t.Errorf("origins = %+v", o)
	}
	// What is no bundle changes nothing, and is told of.
	at.publish([]byte("no archive"))
	eventually(t, "the refusal is told of", func() bool { o := s.origins(); return o[0].Server.Error != "" })
	if a := s.ask(good, `{"permission":"org:reports:read"}`); a.Reasons[0].Message != "two" {
		t.Errorf("after a refusal: %s", a.Body)
	}
	at.publish(tarball(t, map[string]string{"rules.rego": "package postern.extend\n\ndeny contains 1 if {"}))
	eventually(t, "the load is refused", func() bool {
		a := s.do("GET", "admin:/v1/status", "")
		return strings.Contains(a.Body, "rules.rego:3")
	})
	if o := s.origins(); !o[0].Kept || o[0].Revision != "2" {
		t.Errorf("origins = %+v, want the old one, kept", o)
	}
	s.says(good, "two")
	at.publish(tarball(t, sayingBundle("3", "three")))
	s.says(good, "three")
	families := s.families()
	if number(families, "postern_source_fetches_total", "result", "ok", "source", at.URL+"/policy.tar.gz") < 3 ||
		number(families, "postern_source_bytes_total", "source", at.URL+"/policy.tar.gz") <= 0 ||
		number(families, "postern_source_kept", "source", at.URL+"/policy.tar.gz") != 0 {
		t.Error("the metrics do not tell of the server")
	}
	if strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("the log has the URL's secret:\n%s", s.log)
	}
}

// TestSources_kept: what was good once decides at a start while its server is out of order,
// or has nothing good to say.
func TestSources_kept(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	keep := "persistence_directory: " + t.TempDir()
	good := sign(t, nil)
	f := func(message string, kept bool) *sidecar {
		t.Helper()
		s := start(t, remotely(t, at.URL, "", keep))
		s.says(good, message)
		if o := s.origins(); o[0].Kept != kept {
			t.Errorf("origins = %+v, want kept %v", o, kept)
		}
		if got := number(s.families(), "postern_source_kept", "source", at.URL); (got == 1) != kept {
			t.Errorf("postern_source_kept = %v, want %v", got, kept)
		}
		return s
	}
	if err := f("one", false).stop(); err != nil {
		t.Fatal(err)
	}
	at.down.Store(true)
	s := f("one", true)
	at.publish(tarball(t, sayingBundle("2", "two")))
	at.down.Store(false)
	s.says(good, "two")
	if o := s.origins(); o[0].Kept {
		t.Errorf("origins = %+v, want what the server said", o)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	at.publish(tarball(t, map[string]string{"rules.rego": "package postern.extend\n\ndeny contains 1 if {"}))
	if err := f("two", true).stop(); err != nil {
		t.Fatal(err)
	}
	// Another server has nothing kept.
	other := publishing(t, nil)
	other.down.Store(true)
	s = start(t, remotely(t, other.URL, "", keep))
	if a := s.ask(good, `{"permission":"org:reports:read"}`); a.codes() != "not_ready" {
		t.Errorf("without a bundle: %s", a.Body)
	}
	if a := s.do("GET", "admin:/v1/status", ""); !strings.Contains(a.Body, "502") {
		t.Errorf("status does not say why: %s", a.Body)
	}
}

// TestSources_ordered: a revision that is lower than the last one is refused, before and
// after a restart.
func TestSources_ordered(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("2", "two")))
	c := remotely(t, at.URL, ", ordered: true", "persistence_directory: "+t.TempDir())
	good := sign(t, nil)
	s := start(t, c)
	s.says(good, "two")
	at.publish(tarball(t, sayingBundle("1", "one")))
	refused := func(s *sidecar) {
		t.Helper()
		eventually(t, "the old revision is refused", func() bool {
			return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "revision") && strings.Contains(s.log.String(), "bundle refused")
		})
		s.says(good, "two")
	}
	refused(s)
	if log := s.log.String(); !strings.Contains(log, "is lower than 2") || strings.Contains(log, `\": bundle `) {
		t.Errorf("the refusal does not name the bundle once: %s", log)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	s.says(good, "two")
	if o := s.origins(); o[0].Revision != "2" || !o[0].Kept {
		t.Errorf("after a restart: %+v", o)
	}
	at.publish(tarball(t, sayingBundle("2", "another two")))
	refused(s)
	at.publish(tarball(t, sayingBundle("3", "three")))
	s.says(good, "three")
}

// TestSources_several: a path and a URL with disjoint roots are one snapshot, and either
// changes for itself, also while the other is out of order.
func TestSources_several(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".manifest", `{"revision": "m1", "roots": ["model"]}`)
	write(t, dir, "model/data.yaml", "permissions: {\"org:reports:read\": {}}\n")
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	keep := "persistence_directory: " + t.TempDir()
	c := remotely(t, at.URL, "", keep)
	path := config.DefaultBundle()
	path.Path = dir
	c.Bundles = append(config.Bundles{path}, c.Bundles...)
	good := sign(t, nil)
	s := start(t, c)
	s.says(good, "one")
	if o := s.origins(); len(o) != 2 || o[0].Revision != "m1" || o[1].Revision != "1" {
		t.Errorf("origins = %+v", o)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	at.down.Store(true)
	s = start(t, c)
	s.says(good, "one")
	write(t, dir, ".manifest", `{"revision": "m2", "roots": ["model"]}`)
	eventually(t, "the path is read again without the server", func() bool { return s.origins()[0].Revision == "m2" })
	s.says(good, "one")
	at.publish(tarball(t, map[string]string{".manifest": `{"revision": "2", "roots": ["model"]}`, "model/data.yaml": "permissions: {}\n"}))
	at.down.Store(false)
	eventually(t, "an overlap is refused", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "both have the root")
	})
	s.says(good, "one")
}

// TestSources_maxAge: a server that is out of reach for too long is told of, makes the
// process not ready, or ends all decisions, as its bundle says.
func TestSources_maxAge(t *testing.T) {
	f := func(act, wantReady, wantCode string) {
		t.Helper()
		at := publishing(t, tarball(t, sayingBundle("1", "one")))
		var later atomic.Int64
		began := time.Now()
		now := func() time.Time { return began.Add(time.Duration(later.Load())) }
		s := startAt(t, remotely(t, at.URL, ", max_age: 1h, stale: "+act), now)
		good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
		s.says(good, "one")
		later.Store(int64(59 * time.Minute))
		s.says(good, "one")
		at.down.Store(true)
		eventually(t, "the server is out of order", func() bool { return s.origins()[0].Server.Error != "" })
		later.Store(int64(3 * time.Hour))
		ready := func() string { return fmt.Sprint(s.do("GET", "admin:/readyz", "").Code) }
		code := func() string { return s.ask(good, `{"permission":"org:reports:read"}`).codes() }
		eventually(t, act+" acts", func() bool {
			return ready() == wantReady && code() == wantCode && s.origins()[0].Stale && strings.Count(s.log.String(), "out of reach for too long") == 1
		})
		if number(s.families(), "postern_source_stale", "source", at.URL) != 1 {
			t.Errorf("%s: the metric does not say so", act)
		}
		at.down.Store(false)
		eventually(t, act+" ends", func() bool { return ready() == "200" && code() == "policy_denied" && !s.origins()[0].Stale })
	}
	f("warn", "200", "policy_denied")
	f("not_ready", "503", "policy_denied")
	f("deny", "503", "not_ready")
}

// TestSources_maxAgeMasks: a bundle that is too old to decide still masks what is logged.
func TestSources_maxAgeMasks(t *testing.T) {
	at := publishing(t, tarball(t, map[string]string{
		".manifest": `{"revision": "1"}`,
		"log.rego":  "package postern.log\n\nmask contains \"/user\"\n",
	}))
	var later atomic.Int64
	began := time.Now()
	now := func() time.Time { return began.Add(time.Duration(later.Load())) }
	c := remotely(t, at.URL, ", max_age: 1h, stale: deny")
	c.DecisionLog.To = filepath.Join(t.TempDir(), "d")
	s := startAt(t, c, now)
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	at.down.Store(true)
	eventually(t, "the server is out of order", func() bool { return s.origins()[0].Server.Error != "" })
	later.Store(int64(3 * time.Hour))
	eventually(t, "the bundle is too old", func() bool { return s.ask(good, question).codes() == "not_ready" })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.DecisionLog.To)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"code":"not_ready"`) || !strings.Contains(string(text), `"erased":["/user"]`) || strings.Contains(string(text), "user_1") {
		t.Errorf("%s", text)
	}
}

// TestSources_shadow: the bundle of a shadow is fetched and followed as that which decides is.
func TestSources_shadow(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	c := standard(t, plain(t))
	c.Shadow.Bundles, c.Shadow.Sample = remotely(t, at.URL, "").Bundles, 1
	s := start(t, c)
	good := sign(t, nil)
	denies := func(n float64) {
		t.Helper()
		eventually(t, "the shadow would deny", func() bool {
			if a := s.ask(good, `{"permission":"org:reports:read"}`); !a.Allow {
				t.Errorf("the shadow decides: %s", a.Body)
			}
			return number(s.families(), "postern_shadow_decisions_total", "result", "allow_to_deny") > n
		})
	}
	denies(0)
	at.publish(tarball(t, map[string]string{".manifest": `{"revision": "2"}`, "rules.rego": "package postern.extend\n\ndeny contains 1 if false\n"}))
	eventually(t, "the shadow is followed", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, `"revision": "2"`)
	})
	same := number(s.families(), "postern_shadow_decisions_total", "result", "same")
	s.ask(good, `{"permission":"org:reports:read"}`)
	eventually(t, "the shadow agrees", func() bool {
		return number(s.families(), "postern_shadow_decisions_total", "result", "same") > same
	})
}

// TestSources_maxAgeRestart: how long a server has been out of reach is known over a restart,
// also where it had nothing new to say for long.
func TestSources_maxAgeRestart(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	began := time.Now()
	var later atomic.Int64
	now := func() time.Time { return began.Add(time.Duration(later.Load())) }
	c := remotely(t, at.URL, ", max_age: 1h, stale: deny", "persistence_directory: "+t.TempDir())
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	s := startAt(t, c, now)
	s.says(good, "one")
	later.Store(int64(10 * time.Hour))
	s.says(good, "one")
	eventually(t, "the server says that nothing is new", func() bool {
		reached := number(s.families(), "postern_source_reached_timestamp_seconds", "source", at.URL)
		return reached >= float64(now().Unix())
	})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	at.down.Store(true)
	later.Add(int64(10 * time.Minute))
	s = startAt(t, c, now)
	s.says(good, "one")
	later.Add(int64(time.Hour))
	eventually(t, "it is too long", func() bool {
		return s.ask(good, `{"permission":"org:reports:read"}`).codes() == "not_ready"
	})
}

// TestSources_unkept: a bundle that cannot be kept is kept once it can be.
func TestSources_unkept(t *testing.T) {
	at := publishing(t, tarball(t, sayingBundle("1", "one")))
	dir := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // which is no directory
		t.Fatal(err)
	}
	c := remotely(t, at.URL, "", "persistence_directory: "+dir)
	c.Watch.Poll = 20 * time.Millisecond
	s := start(t, c)
	good := sign(t, nil)
	s.says(good, "one")
	if o := s.origins(); o[0].Unkept == "" {
		t.Errorf("origins = %+v, want why it is not kept", o)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is kept", func() bool { return s.origins()[0].Unkept == "" })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	at.down.Store(true)
	start(t, c).says(good, "one")
}
