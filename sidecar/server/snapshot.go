package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/sidecar/audit"
	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/origin"
	"postern/sidecar/policy"
)

// A snapshot is one bundle, compiled, without the content that it was compiled from. A
// request loads the pointer to it once and keeps what it loaded; nothing in it ever changes.
type snapshot struct {
	policy   *policy.Policy
	bundle   bundle.Summary
	bound    *policy.Bound
	mask     audit.Mask // the bundle's say about the decision log, nil where it has none
	loadedAt time.Time
}

// A supply is a source of bundles and what was last loaded from it.
type supply struct {
	config   *config.Config
	source   *origin.Set
	view     func() origin.View // source.Latest
	log      *slog.Logger
	now      func() time.Time
	memo     *policy.Memo                  // nil remembers nothing
	reloaded func(error)                   // is told of every load, but of the same failure once
	warnings func(*policy.Policy) []string // what there is to say of a policy that decides; nil is nothing

	current    atomic.Pointer[snapshot] // nil until the first good bundle
	reload     atomic.Pointer[reload]   // the last attempt
	building   atomic.Bool              // a load is under way, perhaps without its caller
	bundleTurn sync.Mutex               // keeps loads of the bundle from overlapping
}

// A reload is the outcome of the last attempt to load a bundle. Revision and Digest are of what
// was tried, empty where it could not be read; where a source was refused for itself, they are
// of the rest with what stands for it.
type reload struct {
	At       time.Time `json:"at"`
	Revision string    `json:"revision,omitzero"`
	Digest   string    `json:"digest,omitzero"`
	Error    string    `json:"error,omitzero"`
}

// An unfit bundle could be read, and is not to decide.
type unfit struct {
	revision string
	err      error
}

func (u *unfit) Error() string { return u.err.Error() }
func (u *unfit) Unwrap() error { return u.err }

// loadBundle brings the snapshot up to date with the source. All that can fail happens
// before the one pointer is swapped; a bad bundle changes nothing. Content that is
// already loaded is not loaded again. What failed is tried again, since the cause may
// have been a passing one, and is reported once.
func (s *supply) loadBundle(ctx context.Context) error {
	s.bundleTurn.Lock()
	defer s.bundleTurn.Unlock()
	source := s.view()
	now, err := digest(ctx, source)
	if err == nil {
		if current := s.current.Load(); current != nil && current.bundle.Digest == now {
			return s.unchanged(current.bundle, source.Refused)
		}
	}
	var next *snapshot
	if err == nil {
		next, err = s.settled(ctx, source, now)
	}
	if err != nil && s.current.Load() == nil {
		next, source, err = s.fromKept(ctx, source, now, err)
	}
	if err != nil && ctx.Err() != nil {
		return err // the server ends; the source is not to blame
	}
	if err != nil {
		s.refused(now, err)
		// What a hostile archive unfolded to is not kept for the next one.
		debug.FreeOSMemory()
		return err
	}
	s.decide(next, source)
	if source.Refused != nil {
		s.refused(next.bundle.Digest, &unfit{next.bundle.Revision, source.Refused})
	}
	return source.Refused
}

// digest is that of a view. A panic in a library is an error here.
func digest(ctx context.Context, source origin.View) (_ string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the bundle panicked: %v", p)
		}
	}()
	return source.Digest(ctx)
}

// unchanged notes that what decides is what the sources say, but for what is refused of them.
func (s *supply) unchanged(b bundle.Summary, refused error) error {
	if refused != nil {
		s.refused(b.Digest, &unfit{b.Revision, refused})
		return refused
	}
	if s.reload.Load().Error != "" {
		s.reload.Store(&reload{At: s.now(), Revision: b.Revision, Digest: b.Digest})
		s.log.Info("bundle is as it was before the failed reload", "digest", b.Digest)
	}
	return nil
}

// refused notes why what the sources say is not loaded. The same is reported once.
func (s *supply) refused(digest string, err error) {
	last, failed := s.reload.Load(), &reload{At: s.now(), Digest: digest, Error: err.Error()}
	if u, ok := errors.AsType[*unfit](err); ok {
		failed.Revision = u.revision
	}
	if last.Error != failed.Error || last.Digest != digest {
		s.reloaded(err)
		s.log.Error("bundle refused", "kept", s.current.Load() != nil, "sources", s.source.Names(), "error", err)
	}
	s.reload.Store(failed)
}

// decide has a snapshot decide from now on.
func (s *supply) decide(next *snapshot, source origin.View) {
	if source.Instead != nil {
		s.log.Warn("the bundle that was kept decides", "error", source.Instead)
	}
	s.current.Store(next)
	source.Accept(next.bundle)
	s.reload.Store(&reload{At: next.loadedAt, Revision: next.bundle.Revision, Digest: next.bundle.Digest})
	s.reloaded(nil)
	s.log.Info("bundle loaded", "revision", next.bundle.Revision, "digest", next.bundle.Digest, "files", len(next.bundle.Files))
	warnings := slices.Concat(next.bundle.Warnings, next.policy.Warnings())
	if s.warnings != nil {
		warnings = append(warnings, s.warnings(next.policy)...)
	}
	for _, w := range warnings {
		s.log.Warn("bundle", "warning", w)
	}
	if next.bundle.Size() >= largeBundle {
		debug.FreeOSMemory()
	}
}

// largeBundle is the size, in bytes, from which what loading took is given back at once: it
// is many times what stays, and the collector would let the heap grow to twice as much.
const largeBundle = 1 << 20

// fromKept builds a snapshot from what was kept of all servers of bundles, at a start where
// what they say now cannot be used. What has the digest that was tried is not tried again.
func (s *supply) fromKept(ctx context.Context, latest origin.View, tried string, cause error) (*snapshot, origin.View, error) {
	source, ok := s.source.Kept()
	if !ok {
		return nil, latest, cause
	}
	cause = errors.Join(latest.Instead, cause)
	now, err := digest(ctx, source)
	if err != nil {
		return nil, source, errors.Join(cause, err)
	}
	if now == tried {
		return nil, source, cause
	}
	next, err := s.settled(ctx, source, now)
	if err != nil {
		return nil, source, errors.Join(cause, fmt.Errorf("and what was kept: %w", err))
	}
	s.log.Warn("the bundle that was kept decides", "error", cause)
	return next, source, nil
}

// settled builds a snapshot of content that was the same before, in, and after the read:
// half of what somebody is writing may be a good bundle, and a laxer one.
func (s *supply) settled(ctx context.Context, source origin.View, before string) (*snapshot, error) {
	next, err := s.build(ctx, source)
	if err != nil {
		return nil, err
	}
	after, err := digest(ctx, source)
	if err != nil {
		return nil, err
	}
	if next.bundle.Digest != before || after != before {
		return nil, errors.New("the bundle changed while it was read; it is read again when it has settled")
	}
	return next, nil
}

// loadTimeout bounds one load. OPA's compiler takes no context, and a few lines of Rego
// can keep it busy for years.
const loadTimeout = time.Minute

// build loads and compiles the source, within loadTimeout and until ctx ends. A load that
// goes on without its caller keeps others from beginning.
func (s *supply) build(ctx context.Context, source origin.View) (*snapshot, error) {
	if !s.building.CompareAndSwap(false, true) {
		return nil, errors.New("an earlier load has not ended yet")
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	type outcome struct {
		next *snapshot
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		next, err := s.compile(ctx, source)
		s.building.Store(false)
		ended <- outcome{next, err}
	}()
	select {
	case o := <-ended:
		return o.next, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("load the bundle: %w", ctx.Err())
	}
}

// compile reads and compiles the source. A panic in a library is an error here.
func (s *supply) compile(ctx context.Context, source origin.View) (next *snapshot, err error) {
	defer func() {
		if p := recover(); p != nil {
			next, err = nil, fmt.Errorf("loading the bundle panicked: %v", p)
		}
	}()
	b, err := source.Load(ctx)
	if err != nil {
		return nil, err
	}
	if err := source.Ordered(b.Summary); err != nil {
		return nil, &unfit{b.Revision, err}
	}
	bound := &policy.Bound{Deadline: s.config.Policy.Deadline, Abandoned: abandonedEvaluations}
	p, err := policy.New(ctx, b, bound, s.policyOptions())
	if err != nil {
		return nil, &unfit{b.Revision, err}
	}
	return &snapshot{policy: p, bundle: b.Summary, bound: bound, mask: p.LogMask(), loadedAt: s.now()}, nil
}

// policyOptions are those of the configuration, with room to remember decisions in.
func (s *supply) policyOptions() policy.Options {
	o := PolicyOptions(s.config)
	o.Memo = s.memo
	return o
}

// PolicyOptions are what a configuration says about policy.
func PolicyOptions(c *config.Config) policy.Options {
	return policy.Options{
		Builtins: c.Policy.Builtins,
		Readable: c.OPA.Readable,
		Entrypoints: bundle.Entrypoints{
			Check:    c.Entrypoints.Check,
			Route:    c.Entrypoints.Route,
			Evaluate: c.Entrypoints.Evaluate,
			Search:   bundle.Search(c.Entrypoints.Search),
		},
	}
}
