package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/origin"
	"postern/sidecar/policy"
	"postern/sidecar/replay"
	"postern/sidecar/server"
)

// register takes over those flags of serve that say what decides. There is no listener, no
// token and no log for the others to be about.
func (o *replayOptions) register(f *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.settings.Register(all)
	o.file = all.Lookup("config")
	f.AddFlag(o.file)
	f.AddFlag(all.Lookup("bundle"))
	o.verify.register(f)
}

// load compiles both policies as serve would.
func (o *replayOptions) load(ctx context.Context) (options replay.Options, err error) {
	c, err := config.LoadPolicy(&o.settings, os.Environ())
	if err != nil {
		return options, err
	}
	if len(c.Bundles) == 0 {
		return options, errors.New("no bundle is named: say --bundle")
	}
	known, err := o.ofFile()
	if err != nil {
		return options, err
	}
	keys, err := o.verify.configured()
	if err != nil {
		return options, err
	}
	options.Answers, options.Examples = server.ProxyAnswers(c), o.examples
	if options.New, err = o.compile(ctx, c, signedBy(c.Bundles, known, keys)); err != nil {
		return options, err
	}
	if len(o.against) == 0 {
		return options, nil
	}
	old, err := o.compile(ctx, c, signedBy(config.BundlesAt(o.against...), known, keys))
	options.Old = &old
	return options, err
}

// ofFile are the bundles that the configuration names by itself, though --bundle stands in
// their place.
func (o *replayOptions) ofFile() (config.Bundles, error) {
	var own config.Flags
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.Register(all)
	if o.file.Changed {
		if err := all.Set(o.file.Name, o.file.Value.String()); err != nil {
			return nil, err
		}
	}
	c, err := config.LoadPolicy(&own, os.Environ())
	if err != nil {
		return nil, err
	}
	return c.Bundles, nil
}

// signedBy says who must have signed each bundle. A place that the configuration names, with
// signers, credentials and all, is that one, also where a flag names it; the others are held
// to the keys of --verify-key. Where there is neither, the bundle must not be signed.
func signedBy(bundles, known config.Bundles, keys config.Signers) config.Bundles {
	bundles = slices.Clone(bundles)
	for i := range bundles {
		b := &bundles[i]
		same := func(k config.Bundle) bool { return k.URL == b.URL && filepath.Clean(k.Path) == filepath.Clean(b.Path) }
		if j := slices.IndexFunc(known, same); j >= 0 {
			*b = known[j]
		}
		if len(b.Signers) == 0 {
			b.Signers = keys
		}
	}
	return bundles
}

func (o *replayOptions) compile(ctx context.Context, c *config.Config, sources config.Bundles) (replay.Bundle, error) {
	b, err := origin.Load(ctx, sources, originOptions())
	if err != nil {
		return replay.Bundle{}, err
	}
	settings := server.PolicyOptions(c)
	if settings.Memo, err = policy.NewMemo(int(c.Cache.Decisions)); err != nil {
		return replay.Bundle{}, err
	}
	p, err := policy.New(ctx, b, &policy.Bound{Deadline: o.deadline, Abandoned: 8}, settings)
	if err != nil {
		return replay.Bundle{}, fmt.Errorf("%s: %w", strings.Join(names(b), ", "), err)
	}
	return replay.Bundle{Policy: p, Version: replay.Version{Revision: b.Revision, Digest: b.Digest}}, nil
}

// names are what the sources of a bundle are called.
func names(b *bundle.Bundle) []string {
	var all []string
	for _, s := range b.Sources {
		all = append(all, s.Name)
	}
	return all
}
