package origin

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/remote"
)

// An origin is one source of bundles that the configuration names: a path, or a URL.
type origin struct {
	name   string
	config config.Bundle
	remote *remote.Source // nil for a path
	began  time.Time      // the age of a server that never answered counts from here
	now    func() time.Time

	saidStale atomic.Bool
	admitting chan struct{} // holds one while an archive is read, perhaps without its caller

	mu   sync.Mutex
	last *bundle.SourceSummary // what decided last; nil before that
	used remote.Archive        // what last was read from
	// unkept is why used is not kept for a start without its server; nil where it is.
	unkept error
}

// remoteOptions are those of the origin's server.
func (o *origin) remoteOptions(set Options) remote.Options {
	b := o.config
	return remote.Options{
		URL: b.URL, TokenFile: b.TokenFile, DockerConfig: b.DockerConfig,
		CA: b.TLS.CA, Cert: b.TLS.Cert, Key: b.TLS.Key, Proxy: b.Proxy,
		Min: b.Poll.Min, Max: b.Poll.Max, Long: b.Poll.Long, Timeout: b.Poll.Timeout,
		Directory: set.Directory, Limits: bundle.DefaultLimits(),
		UserAgent: set.UserAgent, Logger: set.Logger, Now: set.Now, Inspect: o.inspect, Admit: o.admit,
	}
}

// inspect reads an archive strictly, to its end.
func (o *origin) inspect(ctx context.Context, archive []byte) error {
	keys, err := Signers(o.config)
	if err != nil {
		return err
	}
	_, err = bundle.DigestSources(ctx, bundle.DefaultLimits(), []bundle.Source{{Archive: archive, Signers: keys}})
	return err
}

// keeps reports whether something was kept of what the origin's server said.
func (o *origin) keeps() bool {
	if o.remote == nil {
		return false
	}
	_, ok := o.remote.Kept()
	return ok
}

// archive is what the origin's server said last, else what decides since it was kept before
// the start, else what was kept; with kept, that comes first. A path has none. The first error
// says why it is not what the server said, the second that there is nothing.
func (o *origin) archive(kept bool) (archive remote.Archive, instead, err error) {
	if o.remote == nil {
		return remote.Archive{}, nil, nil
	}
	if kept {
		if old, ok := o.remote.Kept(); ok {
			return old, nil, nil
		}
	}
	if latest, ok := o.remote.Latest(); ok {
		return latest, nil, nil
	}
	if used, ok := o.decides(); ok {
		return used, nil, nil
	}
	cause := o.remote.Status().Error
	if cause == "" {
		cause = "it has not answered yet"
	}
	err = fmt.Errorf("bundle %q: nothing that can be used was fetched: %s", o.name, cause)
	if !kept {
		if old, ok := o.remote.Kept(); ok {
			return old, err, nil
		}
	}
	return remote.Archive{}, nil, err
}

// ordered refuses what takes an ordered origin back, also to before a restart.
func (o *origin) ordered(next bundle.SourceSummary) error {
	if !o.config.Ordered {
		return nil
	}
	return bundle.NotBefore(o.before(), next)
}

// before is what decided last, zero for nothing. What was kept, and cannot be read, is
// nothing that decided; a signature that has expired meanwhile makes it no other.
func (o *origin) before() (last bundle.SourceSummary) {
	o.mu.Lock()
	decided := o.last
	o.mu.Unlock()
	if decided != nil {
		return *decided
	}
	if o.remote == nil {
		return last
	}
	kept, ok := o.remote.Kept()
	if !ok {
		return last
	}
	source, err := o.readFrom(kept)
	if err != nil {
		return last
	}
	source.Before = true
	b, err := bundle.LoadSources(context.Background(), bundle.DefaultLimits(), []bundle.Source{source})
	if err != nil {
		return last
	}
	return b.Sources[0]
}

// readFrom is what is read of the origin: the archive, or what its path leads to.
func (o *origin) readFrom(archive remote.Archive) (bundle.Source, error) {
	keys, err := Signers(o.config)
	if err != nil {
		return bundle.Source{}, fmt.Errorf("bundle %q: %w", o.name, err)
	}
	source := bundle.Source{Name: o.name, Path: o.config.Path, Archive: archive.Content, Signers: keys, Now: o.now}
	if used, ok := o.decides(); ok && o.remote != nil {
		// A signature that has expired since then does not hold the other origins back, and is
		// not held against a server that sends the same again.
		source.Before = bytes.Equal(used.Content, archive.Content)
	}
	return source, nil
}

// decides is the archive that what decides was read from.
func (o *origin) decides() (remote.Archive, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.used, o.last != nil
}

// accept notes what decides now, and keeps it.
func (o *origin) accept(next bundle.SourceSummary, archive remote.Archive) error {
	o.mu.Lock()
	o.last, o.used = &next, archive
	o.mu.Unlock() // a disk that hangs keeps nobody from asking
	return o.keep(archive)
}

// keep keeps what decides.
func (o *origin) keep(archive remote.Archive) error {
	if o.remote == nil {
		return nil
	}
	err := o.remote.Keep(archive)
	o.mu.Lock()
	o.unkept = err
	o.mu.Unlock()
	return err
}

// fetch asks the origin's server once.
func (o *origin) fetch(ctx context.Context) error {
	if o.remote == nil {
		return nil
	}
	return o.remote.Fetch(ctx)
}
