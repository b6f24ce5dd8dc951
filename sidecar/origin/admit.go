package origin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"postern/sidecar/bundle"
	"postern/sidecar/remote"
)

// admit says why an archive that the server sent is not to be loaded: it cannot be read, is not
// signed as it must be, or takes an ordered origin back. What only all origins together show
// is for the load. OPA's parser takes no context: one that goes on beyond ctx keeps others from
// beginning, and nobody waiting beyond theirs.
func (o *origin) admit(ctx context.Context, archive []byte) error {
	select {
	case o.admitting <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("an earlier archive is still being read: %w", ctx.Err())
	}
	ended := make(chan error, 1)
	go func() {
		err := o.check(ctx, archive)
		if err != nil {
			// What a hostile archive unfolded to is not kept for the next one.
			debug.FreeOSMemory()
		}
		<-o.admitting
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check loads an archive by itself. A panic in a library is an error here.
func (o *origin) check(ctx context.Context, archive []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the bundle panicked: %v", p)
		}
	}()
	source, err := o.readFrom(remote.Archive{Content: archive})
	if err != nil {
		return o.unnamed(err)
	}
	b, err := bundle.LoadSources(ctx, bundle.DefaultLimits(), []bundle.Source{source})
	if err == nil {
		err = o.ordered(b.Sources[0])
	}
	if err == nil {
		return nil
	}
	if bundle.Verify(ctx, bundle.DefaultLimits(), source) == nil {
		return &remote.ContentError{Err: o.unnamed(err)}
	}
	return o.unnamed(err)
}

// unnamed is an error without the origin's name in front: who shows it says it.
func (o *origin) unnamed(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("bundle %q: ", o.name)))
}

// refused is why what the origin's server says now is not loaded, nil where it may be.
func (o *origin) refused() error {
	if o.remote == nil {
		return nil
	}
	r := o.remote.Status().Refused
	if r == nil {
		return nil
	}
	return fmt.Errorf("bundle %q: what its server says is refused, and its last bundle stays: %s", o.name, strings.TrimPrefix(r.Error, o.remote.Name()+": "))
}
