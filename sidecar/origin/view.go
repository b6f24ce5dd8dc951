package origin

import (
	"context"
	"errors"

	"postern/sidecar/bundle"
	"postern/sidecar/remote"
)

// A View is a set at one moment: what servers say meanwhile is not in it. Of a path it has
// whatever is there when it is read.
type View struct {
	// Digest is a cheap look at whether anything changed; Load reads and checks all of it,
	// but for what can be told only by compiling it.
	Digest func(context.Context) (string, error)
	Load   func(context.Context) (*bundle.Bundle, error)
	// Instead says why some of it is what was kept, nil where none is.
	Instead error
	// Refused says what servers say now and is not in the view, since it is refused for itself:
	// what decides stands for it, else what was kept. It is nil where there is nothing such.
	Refused error

	set      *Set
	archives []remote.Archive // zero for a path
}

// Latest is what the sources say now. What was kept stands for the servers that have said
// nothing.
func (s *Set) Latest() View { return s.view(false) }

// Kept is what was kept of all servers that something was kept of. It is not ok where nothing
// was.
func (s *Set) Kept() (v View, ok bool) {
	for _, o := range s.origins {
		if o.keeps() {
			return s.view(true), true
		}
	}
	return View{}, false
}

func (s *Set) view(kept bool) View {
	v := View{set: s, archives: make([]remote.Archive, len(s.origins))}
	sources := make([]bundle.Source, len(s.origins))
	var missing, instead, refused []error
	for i, o := range s.origins {
		archive, why, err := o.archive(kept)
		if err == nil {
			sources[i], err = o.readFrom(archive)
		}
		v.archives[i] = archive
		missing, instead, refused = append(missing, err), append(instead, why), append(refused, o.refused())
	}
	err := errors.Join(missing...)
	v.Instead, v.Refused = errors.Join(instead...), errors.Join(refused...)
	v.Digest = func(ctx context.Context) (string, error) {
		if err != nil {
			return "", err
		}
		return bundle.DigestSources(ctx, bundle.DefaultLimits(), sources)
	}
	v.Load = func(ctx context.Context) (*bundle.Bundle, error) {
		if err != nil {
			return nil, err
		}
		return bundle.LoadSources(ctx, bundle.DefaultLimits(), sources)
	}
	return v
}

// Ordered refuses a bundle of the view that takes an ordered source back.
func (v View) Ordered(b bundle.Summary) error {
	for i, o := range v.origins() {
		if err := o.ordered(b.Sources[i]); err != nil {
			return err // it names the bundle
		}
	}
	return nil
}

// Accept notes that a bundle of the view decides, and keeps what was fetched of it.
func (v View) Accept(b bundle.Summary) {
	for i, o := range v.origins() {
		if err := o.accept(b.Sources[i], v.archives[i]); err != nil {
			v.set.log.Error("the bundle is not kept for a start without its server", "source", o.name, "error", err)
		}
	}
}

func (v View) origins() []*origin {
	if v.set == nil {
		return nil
	}
	return v.set.origins
}
