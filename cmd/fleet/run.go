package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"postern/cmd/process"
)

// A row is what one scenario came to.
type row struct {
	scenario
	archive int // bytes
	ready   []time.Duration
	shared  []shared
	held    []held
	idle    time.Duration // processor time of each in an hour, the median
	seen    seen
	lasted  time.Duration
	reached []time.Duration // since the new revision was published, ascending
	after   []held
}

// shared is the memory of each when so many run, the median.
type shared struct {
	sidecars int
	pss      float64
}

// A fleet is the Posterns of one scenario.
type fleet struct {
	options
	scenario
	dir    string
	config string
	nginx  *nginx
	all    []*process.Process
}

// run measures one scenario.
func (o options) run(ctx context.Context, s scenario, dir string) (row, error) {
	r := row{scenario: s}
	f := &fleet{options: o, scenario: s, dir: dir}
	defer f.stop()
	www := filepath.Join(dir, "www")
	if err := os.Mkdir(www, 0o755); err != nil {
		return r, err
	}
	var err error
	if r.archive, err = s.publish(www, 1); err != nil {
		return r, err
	}
	if o.source == fromURL {
		if f.nginx, err = startNginx(ctx, dir, s.unconditional); err != nil {
			return r, err
		}
	}
	if err = f.configure(www); err != nil {
		return r, err
	}
	if err = f.start(ctx, &r); err != nil {
		return r, err
	}
	if err = f.rest(ctx, &r); err != nil {
		return r, err
	}
	if _, err = s.publish(www, 2); err != nil {
		return r, err
	}
	if r.reached, err = f.reach(ctx, 2); err != nil {
		return r, err
	}
	r.after, err = f.holds()
	return r, err
}

func (f *fleet) stop() {
	var all sync.WaitGroup
	for _, p := range f.all {
		all.Go(p.Stop)
	}
	all.Wait()
	if f.nginx != nil {
		f.nginx.process.Stop()
	}
}

// configure writes the one configuration of all.
func (f *fleet) configure(www string) error {
	source := fmt.Sprintf("path: %q", filepath.Join(www, archiveName))
	if f.source == fromURL {
		source = fmt.Sprintf("url: %q, poll: {min: %s, max: %s}", "http://"+f.nginx.address+"/"+archiveName, f.min, f.max)
	}
	text := fmt.Sprintf(`http: {listen: "127.0.0.1:0"}
grpc: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
bundles: [{%s}]
issuers: none
`, source)
	f.config = filepath.Join(f.dir, "postern.yaml")
	return os.WriteFile(f.config, []byte(text), 0o600)
}

// start starts all of them, as many at once as there are processors, in steps that double
// their number: after each it is seen what memory they share.
func (f *fleet) start(ctx context.Context, r *row) error {
	for step := 1; ; step = min(2*step, f.sidecars) {
		if err := f.startUntil(ctx, step, r); err != nil {
			return err
		}
		all, err := f.holds()
		if err != nil {
			return err
		}
		r.shared = append(r.shared, shared{len(f.all), middle(all, func(h held) float64 { return h.pss })})
		if len(f.all) == f.sidecars {
			return nil
		}
	}
}

func (f *fleet) startUntil(ctx context.Context, many int, r *row) error {
	var mu sync.Mutex // guards f.all, r.ready and failed
	var failed error
	var all sync.WaitGroup
	room := make(chan struct{}, runtime.NumCPU())
	for range many - len(f.all) {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			began := time.Now()
			p, err := process.Serve(ctx, nil, f.postern, f.config)
			took := time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, err)
				return
			}
			f.all, r.ready = append(f.all, p), append(r.ready, took)
		})
	}
	all.Wait()
	slices.Sort(r.ready)
	return failed
}

// rest watches them while nobody asks anything, once all of them have polled.
func (f *fleet) rest(ctx context.Context, r *row) error {
	if err := wait(ctx, f.max); err != nil {
		return err
	}
	before, err := f.times()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := wait(ctx, f.lasts); err != nil {
		return err
	}
	ended := time.Now()
	after, err := f.times()
	if err != nil {
		return err
	}
	r.lasted = ended.Sub(began)
	var used []time.Duration
	for i := range after {
		used = append(used, time.Duration(float64(after[i]-before[i])*float64(time.Hour)/float64(r.lasted)))
	}
	slices.Sort(used)
	r.idle = used[len(used)/2]
	if r.held, err = f.holds(); err != nil || f.nginx == nil {
		return err
	}
	if r.seen, err = f.nginx.between(began, ended); err != nil {
		return err
	}
	if len(r.seen.others) > 0 {
		return fmt.Errorf("the server answered %v", r.seen.others)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (f *fleet) times() ([]time.Duration, error) {
	var all []time.Duration
	for _, p := range f.all {
		used, err := process.ProcessorTime(p.PID())
		if err != nil {
			return nil, err
		}
		all = append(all, used)
	}
	return all, nil
}

// looked is the time between two looks whether a revision has arrived. Those that have it
// are not asked again.
const looked = 50 * time.Millisecond

// reach waits until all have a revision, and returns when each had it.
func (f *fleet) reach(ctx context.Context, revision int) ([]time.Duration, error) {
	began := time.Now()
	// A watcher of files looks every 15 s, where it misses an event.
	ctx, cancel := context.WithTimeout(ctx, 2*f.max+time.Minute)
	defer cancel()
	var reached []time.Duration
	left := slices.Clone(f.all)
	for len(left) > 0 {
		var failed error
		left = slices.DeleteFunc(left, func(p *process.Process) bool {
			is, err := revisionOf(p)
			failed = errors.Join(failed, err)
			if is != name(revision) {
				return false
			}
			reached = append(reached, time.Since(began))
			return true
		})
		if failed != nil {
			return nil, failed
		}
		if err := wait(ctx, looked); err != nil && len(left) > 0 {
			return nil, fmt.Errorf("%d of %d do not have %s: %w", len(left), len(f.all), name(revision), err)
		}
	}
	return reached, nil
}

func revisionOf(p *process.Process) (string, error) {
	text, err := process.Fetch(p.Addresses["admin"], "/v1/status")
	if err != nil {
		return "", p.Failed(err)
	}
	var status struct{ Bundle struct{ Revision string } }
	err = json.Unmarshal([]byte(text), &status)
	return status.Bundle.Revision, err
}
