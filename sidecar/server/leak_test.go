package server_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"postern/sidecar/token/mint"
	"postern/testdata/collector"
)

// taken is what this process holds: goroutines, descriptors and MiB of heap.
func taken(t *testing.T) (goroutines, descriptors, heap int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted: %v", err)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one finalized
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), len(open), int(m.HeapAlloc >> 20)
}

// TestReload_leaks: bundles, shadow bundles, keys and files of the log that were replaced,
// and receivers that come and go, leave nothing behind.
func TestReload_leaks(t *testing.T) {
	dir, next := plain(t), t.TempDir()
	denying(t, next, `input.resource.mark`)
	c := collector.Start(t, nil)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	config := standard(t, dir, "decision_log: {to: "+log+", input: true, rotate: {size: 4KiB, keep: 3, compress: true}}",
		"shadow: {bundles: [{path: "+next+"}], sample: 1, deadline: 10s}",
		"telemetry: {traces: 'grpc://"+c.GRPC+"', metrics: 'http://"+c.HTTP+"', sample: 1, interval: 1s}")
	s := start(t, config)
	s.loadedShadow()
	good := sign(t, nil)
	loads := func() int { return strings.Count(s.log.String(), `"msg":"bundle loaded"`) }
	turn := func(n int) {
		t.Helper()
		was, keys := loads(), strings.Count(s.log.String(), `"msg":"keys loaded"`)
		for _, d := range []string{dir, next} {
			write(t, d, ".new", fmt.Sprintf(`{"generation":%d}`, n))
			if err := os.MkdirAll(filepath.Join(d, "own"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(d, ".new"), filepath.Join(d, "own/data.json")); err != nil {
				t.Fatal(err)
			}
		}
		other, err := mint.NewKey(fmt.Sprint("other_", n))
		if err != nil {
			t.Fatal(err)
		}
		replace(t, config.Issuers.List[0].JWKS, keySet(t, signer(), other))
		status := http.StatusOK
		if n%2 == 1 {
			status = http.StatusBadRequest
		}
		c.Behave(func(context.Context) int { return status })
		s.server.Reload(context.Background())
		eventually(t, "all is loaded", func() bool {
			return loads() >= was+2 && strings.Count(s.log.String(), `"msg":"keys loaded"`) > keys
		})
		for range 20 {
			if a := s.ask(good, `{"role":"org:admin","resource":{"mark":1}}`); !a.Allow {
				t.Fatal(a.Body)
			}
		}
	}
	const warm, more = 5, 15
	for n := range warm {
		turn(n)
	}
	goroutines, descriptors, heap := taken(t)
	for n := range more {
		turn(warm + n)
	}
	var g, d, h int
	eventually(t, "what was replaced is gone", func() bool {
		g, d, h = taken(t)
		return g < goroutines+more && d < descriptors+more && h < heap+more
	})
	t.Logf("%d goroutines, %d descriptors, %d MiB, after %d, %d, %d", g, d, h, goroutines, descriptors, heap)
}
