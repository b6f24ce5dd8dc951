package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"postern/cmd/process"
	"postern/cmd/soak/origin"
	"postern/cmd/soak/world"
	"postern/sidecar/token/mint"
)

// A soak is all that runs.
type soak struct {
	options
	setup   setup
	j       *judge
	bundles *origin.Bundles
	remote  *origin.Keys
	file    *origin.Keys
	logs    *origin.Collector
	traffic *traffic
	records *records
	postern *process.Process
	began   time.Time
	samples []sample
}

// run carries a soak out. With an error the report is not whole.
func run(ctx context.Context, o options, dir string, out io.Writer) (*report, error) {
	s := &soak{options: o, setup: setup{dir: dir, program: o.postern, rotate: o.rotate}}
	if err := s.prepare(); err != nil {
		return &report{}, err
	}
	servers, err := s.serve()
	if err != nil {
		return &report{}, err
	}
	defer servers.Close()
	if s.postern, err = s.setup.start(ctx); err != nil {
		return &report{}, err
	}
	defer s.postern.Stop()
	if err := s.meet(); err != nil {
		return &report{}, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	followed := make(chan error, 1)
	go func() {
		if s.log == fromURL {
			followed <- nil
			return
		}
		followed <- s.records.follow(following)
	}()
	err = s.storm(ctx, out)
	r := s.report()
	if err != nil {
		return r, err
	}
	if err := s.calm(ctx, r); err != nil {
		return s.with(r), err
	}
	s.postern.Stop()
	stop()
	err = <-followed
	r.records, r.judged = s.records.counts()
	return s.with(r), err
}

// prepare makes keys, the first revision and the judge.
func (s *soak) prepare() error {
	w := world.World{Seed: s.seed}
	var err error
	path := s.setup.bundlePath()
	if s.source == fromURL {
		path = ""
	}
	if s.bundles, err = origin.NewBundles(w, path); err != nil {
		return err
	}
	if s.remote, err = origin.NewKeys("remote", "", s.seed); err != nil {
		return err
	}
	if s.file, err = origin.NewKeys("file", s.setup.jwksPath(), s.seed); err != nil {
		return err
	}
	s.j = &judge{
		world: w, bundles: s.bundles,
		issuers: map[string]*origin.Keys{remoteIssuer: s.remote, fileIssuer: s.file},
		faults:  map[string]int{}, counts: map[string]map[string]int{},
	}
	s.records = newRecords(s.j, s.setup.logPath())
	s.logs = origin.NewCollector(s.seed, s.records.upload, func(err error) { s.j.fault(badRecord, "%v", err) })
	return nil
}

// serve serves the bundle and the first issuer's keys.
func (s *soak) serve() (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/bundle.tar.gz", s.bundles)
	mux.Handle("/jwks.json", s.remote)
	mux.Handle("POST /logs", s.logs)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }() // until it is closed
	s.setup.jwksURL = "http://" + l.Addr().String() + "/jwks.json"
	if s.log == fromURL {
		s.setup.logURL = "http://" + l.Addr().String() + "/logs"
	}
	if s.source == fromURL {
		s.setup.bundleURL = "http://" + l.Addr().String() + "/bundle.tar.gz"
	}
	return server, nil
}

// How many sessions of each key there are from the beginning.
const (
	goodSessions = 12
	lateSessions = 4
)

// meet makes the traffic for the Postern that runs.
func (s *soak) meet() error {
	addresses := s.postern.Addresses
	if s.between != nil {
		var err error
		if addresses, err = s.between(addresses); err != nil {
			return err
		}
	}
	forger, err := mint.NewKey("forger")
	if err != nil {
		return err
	}
	s.traffic = &traffic{
		j: s.j, forger: forger, http: addresses["http"], grpc: addresses["grpc"],
		workers: s.workers, rate: s.rate, onAnswer: s.records.answered,
	}
	n := 0
	for _, issuer := range []string{remoteIssuer, fileIssuer} {
		for _, key := range s.j.issuers[issuer].All {
			for kind := range world.Kinds {
				many := map[world.Kind]int{world.Good: goodSessions, world.Late: lateSessions}[world.Kind(kind)]
				for range max(many, 1) {
					n++
					one, err := s.j.world.NewSession(world.Kind(kind), n, issuer, key, forger, key.ID, time.Now())
					if err != nil {
						return err
					}
					s.traffic.sessions = append(s.traffic.sessions, one)
				}
			}
		}
	}
	return nil
}

// storm lets everything go wrong for as long as the soak lasts.
func (s *soak) storm(ctx context.Context, out io.Writer) error {
	s.began = time.Now()
	ctx, stop := context.WithTimeout(ctx, s.lasts)
	defer stop()
	var all sync.WaitGroup
	errs := make(chan error, 6)
	begin := func(what func(context.Context) error) {
		all.Go(func() {
			if err := what(ctx); err != nil {
				errs <- err
				stop()
			}
		})
	}
	begin(func(ctx context.Context) error { return s.bundles.Run(ctx, s.change) })
	begin(func(ctx context.Context) error { return s.remote.Run(ctx, s.keys) })
	begin(func(ctx context.Context) error { return s.file.Run(ctx, s.keys) })
	begin(func(ctx context.Context) error { return s.logs.Run(ctx, 2*s.change) })
	begin(s.watch)
	begin(func(ctx context.Context) error { return s.tell(ctx, out) })
	s.traffic.run(ctx, s.seed)
	all.Wait()
	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	if failed == nil && time.Since(s.began) < s.lasts {
		failed = context.Canceled
	}
	return failed
}

// watch takes samples in quiet moments, a dozen at least.
func (s *soak) watch(ctx context.Context) error {
	every := time.NewTicker(min(s.lasts/14, 30*time.Second))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		if err := s.traffic.quiet(s.sample); err != nil {
			return err
		}
	}
}

func (s *soak) sample() error {
	one, err := take(s.postern, s.began)
	s.samples = append(s.samples, one)
	return err
}

// tell says each ten seconds how it goes.
func (s *soak) tell(ctx context.Context, out io.Writer) error {
	every := time.NewTicker(10 * time.Second)
	defer every.Stop()
	for before := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		requests, faults := s.j.totals()
		fmt.Fprintf(out, "%v: %d requests, %d/s, revision %d of %d, %d key rotations, %d faults\n", time.Since(s.began).Round(time.Second),
			requests, (requests-before)/10, s.j.seen.Load(), s.bundles.Newest(), s.remote.Rotations()+s.file.Rotations(), faults)
		before = requests
	}
}

// report is what there is to say so far.
func (s *soak) report() *report { return s.with(&report{lasted: time.Since(s.began)}) }

// with adds what the judge has seen.
func (s *soak) with(r *report) *report {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	r.counts, r.faults, r.first = s.j.counts, s.j.faults, s.j.first
	r.bundles, r.rotations = s.bundles.Counts(), s.remote.Rotations()+s.file.Rotations()
	return r
}
