// Package watch says when something under a path has settled: a bundle directory, an
// archive or a key file. It promises a call too many rather than one too few, so that
// the callee compares digests of content and decides whether anything changed. It is the
// only importer of fsnotify.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Defaults of [Options].
const (
	DefaultSettle  = 250 * time.Millisecond
	DefaultMaxWait = 10 * time.Second
	DefaultPoll    = 15 * time.Second
	// DegradedPoll is the longest time between two polls while the kernel's
	// notifications cannot be had.
	DegradedPoll = 2 * time.Second
)

// Options tune [Watch]. The zero value is the default of every member.
type Options struct {
	// Settle is how long it must be quiet after an event. 0 is [DefaultSettle].
	Settle time.Duration
	// MaxWait bounds how long a stream of events can put a call off. 0 is
	// [DefaultMaxWait].
	MaxWait time.Duration
	// Poll is the time between calls that no event asked for: what the kernel does not
	// report (network file systems, a mount over the directory) is found by them. 0 is
	// [DefaultPoll], or [DegradedPoll] with DisableNotify. While notifications cannot
	// be had, it is at most [DegradedPoll].
	Poll time.Duration
	// DisableNotify polls only.
	DisableNotify bool
	// Logger is told when notifications cannot be had and when they are back. nil
	// discards.
	Logger *slog.Logger
}

// Watch calls changed once as soon as its watches stand, then after every change below
// paths that has settled, and on every poll, until ctx ends. Calls never overlap; what
// happens during one leads to one more after it. A panic in changed is logged and does
// not end the watch. When Watch has returned, changed does not run any more.
//
// A path is a directory, a file, or a link to either, and may not exist yet: then its
// nearest existing ancestor is watched. Directories are watched with all real
// directories below them. The directories that hold the path, and every link on the way
// to it, are watched too, so that replacing any of them is seen.
//
// The error is nil when ctx has ended; otherwise it says what is wrong with the
// arguments, and nothing was started.
func Watch(ctx context.Context, paths []string, o Options, changed func()) error {
	absolute, err := absolutePaths(paths)
	if err != nil {
		return err
	}
	o, err = o.withDefaults()
	if err != nil {
		return err
	}
	n := newNotifier(absolute, o)
	defer n.close()
	watch(ctx, n, o, changed)
	return nil
}

// watch runs the loop over n, which it does not close.
func watch(ctx context.Context, n *notifier, o Options, changed func()) {
	s := settler{
		settle:  o.Settle,
		maxWait: o.MaxWait,
		poll:    func() time.Duration { return n.pollInterval(o.Poll) },
		call: func() {
			// The watches stand before anything is read: what changes after that is an event.
			n.rescan()
			guard(o.Logger, changed)
		},
	}
	s.run(ctx, n.events)
}

// guard calls f. A panic is logged with its stack and goes no further.
func guard(log *slog.Logger, f func()) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("reload panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// withDefaults fills in what is zero and refuses what is negative.
func (o Options) withDefaults() (Options, error) {
	if o.Settle < 0 || o.MaxWait < 0 || o.Poll < 0 {
		return o, fmt.Errorf("watch options: settle %v, max wait %v and poll %v must not be negative", o.Settle, o.MaxWait, o.Poll)
	}
	if o.Poll == 0 && o.DisableNotify {
		o.Poll = DegradedPoll
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	if o.MaxWait == 0 {
		o.MaxWait = DefaultMaxWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// absolutePaths makes paths independent of the working directory. They are not cleaned:
// "link/.." is the parent of the link's target, which only the file system knows.
func absolutePaths(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, errors.New("watch: no paths")
	}
	wd, err := filepath.Abs(".")
	if err != nil {
		return nil, fmt.Errorf("watch: find the working directory: %w", err)
	}
	absolute := make([]string, 0, len(paths))
	for _, p := range paths {
		if p == "" || strings.ContainsRune(p, 0) {
			return nil, fmt.Errorf("watch: %q is not a path", p)
		}
		if !filepath.IsAbs(p) {
			p = wd + "/" + p
		}
		absolute = append(absolute, p)
	}
	slices.Sort(absolute)
	return slices.Compact(absolute), nil
}
