package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// revision writes a bundle whose answers name its number.
func revision(t testing.TB, dir string, n int) {
	t.Helper()
	temporary := filepath.Join(dir, ".next")
	write(t, dir, ".next", fmt.Sprintf("package postern.extend\n\n"+
		"deny contains {\"code\": \"policy_denied\", \"message\": \"revision %d\"} if true\n", n))
	if err := os.Rename(temporary, filepath.Join(dir, "rules.rego")); err != nil {
		t.Fatal(err)
	}
}

// says waits until the answers carry a message.
func (s *sidecar) says(token, message string) {
	s.t.Helper()
	eventually(s.t, "the answer is "+message, func() bool {
		a := s.ask(token, `{"role":"admin"}`)
		return len(a.Reasons) == 1 && a.Reasons[0].Message == message
	})
}

func TestReload_edits(t *testing.T) {
	dir := t.TempDir()
	revision(t, dir, 1)
	s := start(t, standard(t, dir))
	good := sign(t, nil)
	s.says(good, "revision 1")
	rules := filepath.Join(dir, "rules.rego")

	t.Log("an atomic rename")
	revision(t, dir, 2)
	s.says(good, "revision 2")

	t.Log("an edit in place")
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "rules.rego", strings.Replace(string(text), "revision 2", "revision 3", 1))
	s.says(good, "revision 3")

	t.Log("a new directory with a file")
	write(t, dir, "more/deeper/data.json", `{"n": 1}`)
	eventually(t, "status lists the new file", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "more/deeper/data.json")
	})

	t.Log("the directory removed and made again")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the loss is reported", func() bool { return strings.Contains(s.log.String(), "bundle refused") })
	s.says(good, "revision 3")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	revision(t, dir, 4)
	s.says(good, "revision 4")
}

// TestReload_bad: a bad bundle changes nothing and says so everywhere.
func TestReload_bad(t *testing.T) {
	dir := t.TempDir()
	revision(t, dir, 1)
	s := start(t, standard(t, dir))
	good := sign(t, nil)
	s.says(good, "revision 1")
	bad := write(t, dir, "bad.rego", "package acme\n\nx := y\n")
	eventually(t, "status shows the error", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "bad.rego:3")
	})
	s.says(good, "revision 1")
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("readyz after a bad reload: %d %s", a.Code, a.Body)
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	if !strings.Contains(metrics, `postern_bundle_reloads_total{result="error"} 1`) || !strings.Contains(metrics, `postern_bundle_reloads_total{result="ok"} 1`) {
		t.Errorf("reload metrics:\n%s", metrics)
	}
	if !strings.Contains(s.log.String(), "bad.rego:3") {
		t.Error("the log does not name the file")
	}
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the error is gone", func() bool {
		return !strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "bad.rego")
	})
}

// TestReload_badAtStart: not ready, every request denied, and recovered once it is good.
func TestReload_badAtStart(t *testing.T) {
	dir := t.TempDir()
	bad := write(t, dir, "bad.rego", "package acme\n\nx := y\n")
	s := start(t, standard(t, dir))
	good := sign(t, nil)
	if a := s.ask(good, `{"role":"admin"}`); a.Code != 200 || a.Allow || a.Status != 503 || a.codes() != "not_ready" {
		t.Errorf("check: %d %s, want not_ready", a.Code, a.Body)
	}
	if a := s.do("GET", "/v1/session", "", "Authorization", "Bearer "+good); a.Code != 503 || a.codes() != "not_ready" {
		t.Errorf("session: %d %s, want 503", a.Code, a.Body)
	}
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 503 || !strings.Contains(a.Body, `"bundle": false`) {
		t.Errorf("readyz: %d %s, want 503", a.Code, a.Body)
	}
	if a := s.do("GET", "admin:/healthz", ""); a.Code != 200 {
		t.Errorf("healthz: %d, want 200", a.Code)
	}
	revision(t, dir, 1)
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	s.says(good, "revision 1")
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("readyz: %d %s, want 200", a.Code, a.Body)
	}
}

// A configMap writes as kubelet's atomic writer does: a new directory with a time stamp,
// a link ..data_tmp to it renamed over ..data, the old directory deleted; the files that
// a user sees are links through ..data.
type configMap struct {
	t    testing.TB
	dir  string
	last string
	n    int
}

func (c *configMap) publish(files map[string]string) {
	c.t.Helper()
	c.n++
	stamped := fmt.Sprintf("..2026_11_22_03_00_%02d.%d", c.n%60, c.n)
	for name, text := range files {
		write(c.t, filepath.Join(c.dir, stamped), name, text)
	}
	must := func(err error) {
		if err != nil {
			c.t.Fatal(err)
		}
	}
	must(os.Symlink(stamped, filepath.Join(c.dir, "..data_tmp")))
	must(os.Rename(filepath.Join(c.dir, "..data_tmp"), filepath.Join(c.dir, "..data")))
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		if _, err := os.Lstat(filepath.Join(c.dir, first)); err != nil {
			must(os.Symlink(filepath.Join("..data", first), filepath.Join(c.dir, first)))
		}
	}
	if c.last != "" {
		must(os.RemoveAll(filepath.Join(c.dir, c.last)))
	}
	c.last = stamped
}

// paired are two files that must be of one generation: the model's plan and the rule.
func paired(n int) map[string]string {
	return map[string]string{
		"model/data.yaml": fmt.Sprintf("plans: {p%d: {features: [reports]}}\norganizations: {org_acme: {plan: p%d}}\n", n, n),
		"rules.rego": fmt.Sprintf("package postern.extend\n\ndeny contains {\"code\": \"policy_denied\", \"message\": \"revision %d\"} if data.model.plans.p%d\n\n"+
			"deny contains {\"code\": \"policy_denied\", \"message\": \"half a bundle\"} if not data.model.plans.p%d\n", n, n, n),
	}
}

func TestReload_configMap(t *testing.T) {
	c := &configMap{t: t, dir: t.TempDir()}
	c.publish(paired(0))
	s := start(t, standard(t, c.dir))
	good := sign(t, nil)
	s.says(good, "revision 0")
	for n := 1; n <= 20; n++ {
		c.publish(paired(n))
		eventually(t, "the new generation decides", func() bool {
			a := s.ask(good, `{"role":"admin"}`)
			if len(a.Reasons) != 1 || a.Reasons[0].Message == "half a bundle" {
				t.Fatalf("an answer of no generation: %s", a.Body)
			}
			return a.Reasons[0].Message == fmt.Sprintf("revision %d", n)
		})
	}
}

// TestReload_storm: a thousand replacements, good and bad in turn, end on the last, with
// few reloads and nothing left behind.
func TestReload_storm(t *testing.T) {
	dir := t.TempDir()
	revision(t, dir, 0)
	s := start(t, standard(t, dir))
	good := sign(t, nil)
	s.says(good, "revision 0")
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for n := 1; n <= 1000; n++ {
		if n%2 == 1 {
			write(t, dir, ".next", "package broken\n\nx := \n")
			if err := os.Rename(filepath.Join(dir, ".next"), filepath.Join(dir, "rules.rego")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		revision(t, dir, n)
	}
	s.says(good, "revision 1000")
	if n := strings.Count(s.log.String(), "bundle loaded"); n > 50 {
		t.Errorf("%d reloads, want a few", n)
	}
	eventually(t, "goroutines and descriptors are as before", func() bool {
		return runtime.NumGoroutine() <= goroutines+3 && descriptors(t) <= files+3
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(entries)
}

// TestReload_hammer: clients ask while thousands of bundles are swapped. Every answer
// belongs to exactly one revision, none fails, and memory returns to where it was.
func TestReload_hammer(t *testing.T) {
	swaps, pause := 1000, time.Duration(0)
	switch {
	case testing.Short():
		swaps = 200
	case raced: // clients that never pause would leave the swaps too little of a processor
		swaps, pause = 300, 5*time.Millisecond
	}
	files := &configMap{t: t, dir: t.TempDir()}
	files.publish(paired(0))
	c := standard(t, files.dir)
	c.Policy.Deadline = 5 * time.Second // the race detector on a busy machine is no reason to deny
	c.Watch.Settle, c.Watch.Poll = time.Hour, time.Hour
	s := start(t, c)
	good := sign(t, nil)
	s.says(good, "revision 0")
	before := heap()

	var newest atomic.Int64
	var asked atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			last := -1
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := s.try("POST", "/v1/checks", `{"checks":[{"role":"admin"},{"any":[{"role":"admin"}]}]}`, "Authorization", "Bearer "+good)
				if err != nil || a.Code != 200 || len(a.Results) != 2 {
					t.Errorf("a request failed: %d %s %v", a.Code, a.Body, err)
					return
				}
				n := -1
				for i, d := range a.Results {
					var of int
					if len(d.Reasons) != 1 {
						t.Errorf("an answer of no revision: %s", a.Body)
						return
					}
					if _, err := fmt.Sscanf(d.Reasons[0].Message, "revision %d", &of); err != nil || i > 0 && of != n {
						t.Errorf("an answer of no or of two revisions: %s", a.Body)
						return
					}
					n = of
				}
				if n < last || int64(n) > newest.Load() {
					t.Errorf("revision %d after %d, newest %d", n, last, newest.Load())
					return
				}
				last = n
				asked.Add(1)
				time.Sleep(pause)
			}
		})
	}
	for n := 1; n <= swaps && !t.Failed(); n++ {
		newest.Store(int64(n))
		files.publish(paired(n))
		s.server.Reload(t.Context())
	}
	s.says(good, fmt.Sprintf("revision %d", swaps))
	close(stop)
	clients.Wait()
	t.Logf("%d answers during %d swaps", asked.Load(), swaps)
	if asked.Load() < int64(swaps)/20 {
		t.Errorf("only %d answers during %d swaps", asked.Load(), swaps)
	}
	if after := heap(); after > before+(16<<20) {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
