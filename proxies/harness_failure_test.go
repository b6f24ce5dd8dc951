package proxies

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// refuses sends requests that would be allowed, and wants them denied as a row of the table
// of failure modes says.
func (s *scene) refuses(row string) {
	s.t.Helper()
	want := s.proxy.documented(s.t, row)
	for _, target := range []string{"/public/x", "/reports/7"} {
		s.expect(want, "GET", target, bearer(sign(s.t, nil))...)
	}
}

// suiteStopped: without a Postern nobody gets through.
func suiteStopped(t *testing.T, p proxy) {
	s := play(t, p, setting{})
	s.expect(200, "GET", "/public/x")
	s.postern.stop()
	s.refuses("stopped")
}

// suiteSlow: a policy that takes too long is a denial at its deadline.
func suiteSlow(t *testing.T, p proxy) {
	s := play(t, p, setting{strict: true})
	before := s.upstream.touched.Load()
	for n := range 3 {
		began := time.Now()
		if a := s.do("GET", fmt.Sprintf("/public/burn/%d", n), ""); a.Code != 403 {
			t.Errorf("a policy past its deadline: %d, want 403", a.Code)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a policy past its deadline: answered after %v", took)
		}
	}
	if s.upstream.touched.Load() != before {
		t.Error("the upstream saw a request that nothing was decided for")
	}
}

// suiteInTime: that denial comes before the proxy's own time-out. A busy machine may be late
// with one, but not with all of them.
func suiteInTime(t *testing.T, p proxy) {
	s := play(t, p, setting{strict: true, hasty: true})
	late := p.documented(t, "slow")
	n := 0
	eventually(t, "the denial comes in time", func() bool {
		n++
		a := s.do("GET", fmt.Sprintf("/public/burn/%d", n), "")
		if a.Code != 403 && a.Code != late {
			t.Fatalf("a policy past its deadline: %d, want 403, or %d where it was late", a.Code, late)
		}
		return a.Code == 403
	})
}

// suiteFrozen: a Postern that does not answer at all is waited for only so long.
func suiteFrozen(t *testing.T, p proxy) {
	s := play(t, p, setting{process: true, hasty: true})
	s.postern.process.Freeze(t)
	began := time.Now()
	s.refuses("slow")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("frozen: refused after %v", took)
	}
	s.postern.process.Signal(syscall.SIGCONT)
	eventually(t, "it goes on", func() bool {
		a, err := s.try(s.client, "GET", "/public/x", nil)
		return err == nil && a.Code == 200
	})
}

// suiteReload: the bundle flips between two revisions under load, with a bad one between
// them. Every answer is of one of the two.
func suiteReload(t *testing.T, p proxy) {
	dir := t.TempDir()
	replace := func(name, text string) {
		temporary := write(t, dir, ".next", text)
		if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	revisions := []string{
		`routes: [{match: "/public/", public: true}, {match: "/a", public: true}, {match: "/b", require: {role: owner}}]`,
		`routes: [{match: "/public/", public: true}, {match: "/b", public: true}, {match: "/a", require: {role: owner}}]`,
	}
	replace("data.yaml", "model: {"+revisions[0]+"}")
	s := play(t, p, setting{bundle: dir})
	good := sign(t, nil)
	var stop atomic.Bool
	var asked [2]atomic.Int64
	var clients sync.WaitGroup
	for n := range 4 {
		client := newClient(t, p.http2 && n%2 == 0)
		clients.Go(func() {
			for i := n; !stop.Load(); i++ {
				target, want := []string{"/a", "/b", "/public/x", "/neither"}[i%4], [][]int{{200, 403}, {200, 403}, {200}, {403}}[i%4]
				a, err := s.try(client, "GET", target, nil, bearer(good)...)
				if err != nil || !slices.Contains(want, a.Code) || a.Code == 200 && a.identity() != admin {
					t.Errorf("%s: %d %s, want one of %v: %v", target, a.Code, a.identity(), want, err)
					return
				}
				if target == "/a" {
					asked[a.Code/400].Add(1)
				}
			}
		})
	}
	const flips = 30
	for n := 1; n <= flips; n++ {
		if n%5 == 0 {
			replace("data.yaml", "model: {routes: [}")
			s.postern.server.Reload(context.Background())
		}
		replace("data.yaml", "model: {"+revisions[n%2]+"}")
		s.postern.server.Reload(context.Background())
		want := []int{200, 403}[n%2]
		eventually(t, fmt.Sprintf("revision %d decides", n), func() bool {
			return t.Failed() || s.do("GET", "/a", "", bearer(good)...).Code == want
		})
	}
	stop.Store(true)
	clients.Wait()
	if asked[0].Load() < 5 || asked[1].Load() < 5 {
		t.Errorf("only %d and %d answers of the two revisions", asked[0].Load(), asked[1].Load())
	}
	t.Logf("%d and %d answers of the two revisions during %d flips", asked[0].Load(), asked[1].Load(), flips)
}
