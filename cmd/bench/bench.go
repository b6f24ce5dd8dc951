package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"postern/cmd/bench/load"
	"postern/cmd/bench/world"
	"postern/cmd/process"
	"postern/sidecar/token/mint"
)

// An extent is how much the bench does.
type extent struct {
	rounds      int
	duration    time.Duration // of a round that has no number of requests
	connections int
	once        int   // tokens that are each sent once
	sessions    int   // of the scenarios with many
	requests    int   // that they make
	minutes     int   // for which tokens are replaced
	models      []int // organizations
	verifies    int   // signatures verified for each measurement of that
}

func whole() extent {
	return extent{
		rounds: 5, duration: 3 * time.Second, connections: 8,
		once: 20_000, sessions: 1000, requests: 200_000, minutes: 5,
		models: []int{10, 1000, 100_000}, verifies: 500,
	}
}

// quick is for tests: every part runs, and no figure means anything.
func quick() extent {
	return extent{
		rounds: 1, duration: 300 * time.Millisecond, connections: 2,
		once: 200, sessions: 40, requests: 2000, minutes: 2,
		models: []int{10, 100, 1000}, verifies: 20,
	}
}

// A bench is a run's tools: its key, the programs it built, and where it keeps files.
type bench struct {
	extent
	dir   string
	built map[string]string // paths of programs by name
	key   *mint.Key
	jwks  string // the path of the key set
	now   time.Time
	files int // numbers what is written
	wrong int // answers that were not the expected ones
	said  func(format string, args ...any)
}

// newBench writes what all scenarios share into dir.
func newBench(dir string, e extent, said func(string, ...any)) (*bench, error) {
	b := &bench{extent: e, dir: dir, built: map[string]string{}, now: time.Now(), said: said}
	var err error
	if b.key, err = mint.NewKey("ins_bench"); err != nil {
		return nil, err
	}
	set, err := mint.JWKS(b.key)
	if err != nil {
		return nil, err
	}
	b.jwks = filepath.Join(dir, "jwks.json")
	return b, os.WriteFile(b.jwks, set, 0o600)
}

// program builds a command when it is first needed, and returns its path.
func (b *bench) program(ctx context.Context, name, from string) (string, error) {
	if path, ok := b.built[name]; ok {
		return path, nil
	}
	b.said("building %s", name)
	path := filepath.Join(b.dir, name)
	if err := process.Build(ctx, path, from); err != nil {
		return "", err
	}
	b.built[name] = path
	return path, nil
}

// path is a new path with a name in the bench's directory.
func (b *bench) path(name string) string {
	b.files++
	return filepath.Join(b.dir, strconv.Itoa(b.files)+"-"+name)
}

// bundle writes a bundle with the world's model, and returns its directory.
func (b *bench) bundle(organizations int, marked bool) (string, error) {
	dir, revision := b.path("bundle"), "bench-1"
	if marked {
		revision = "bench-2"
	}
	if err := os.MkdirAll(filepath.Join(dir, "model"), 0o755); err != nil {
		return "", err
	}
	if err := writeJSON(filepath.Join(dir, ".manifest"), world.Manifest(revision)); err != nil {
		return "", err
	}
	return dir, writeJSON(filepath.Join(dir, "model", "data.json"), world.Model(organizations, marked))
}

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// tokens signs one token for each session of a range, on all processors. The session's
// number says its class.
func (b *bench) tokens(from, n int, class func(session int) world.Class, at time.Time) ([]string, error) {
	all, errs := make([]string, n), make([]error, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				all[i], errs[i] = b.key.Sign(class(from+i).Claims(from+i, at))
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// plan is a closed loop of the bench's connections for one round.
func (b *bench) plan() load.Plan {
	return load.Plan{Connections: b.connections, Duration: b.duration, Seed: 1}
}

// repeated is a plan of one request over HTTP and its one answer.
func (b *bench) repeated(request, answer string) load.Plan {
	p := b.plan()
	p.HTTP = &load.HTTP{Heads: []string{request}, Tails: []string{""}, Answers: []string{answer}, Expect: [][]int{{0}}}
	return p
}
