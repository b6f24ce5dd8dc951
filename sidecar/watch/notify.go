package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxRounds bounds how often one rescan starts over because the tree changed under it.
const maxRounds = 8

// A notifier keeps the kernel's watches in step with what the paths lead to and turns
// all that may matter into tokens on events. Its methods other than pollInterval are for
// one goroutine at a time.
type notifier struct {
	paths    []string
	log      *slog.Logger
	disabled bool
	open     func() (*fsnotify.Watcher, error)
	events   chan struct{} // capacity 1: a token says that something happened

	watcher *fsnotify.Watcher // nil before the first rescan, and where none can be had
	readers sync.WaitGroup    // of watcher

	current  atomic.Pointer[plan] // what read judges events by; never nil while it runs
	degraded atomic.Bool          // polls must do the work
	overflow sync.Once            // logs the first loss of events
}

func newNotifier(paths []string, o Options) *notifier {
	return &notifier{
		paths:    paths,
		log:      o.Logger,
		disabled: o.DisableNotify,
		open:     fsnotify.NewWatcher,
		events:   make(chan struct{}, 1),
	}
}

// pollInterval is the time until the next poll.
func (n *notifier) pollInterval(normal time.Duration) time.Duration {
	if n.degraded.Load() {
		return min(normal, DegradedPoll)
	}
	return normal
}

// rescan brings the watches up to date. What keeps it from doing so is logged once,
// shortens the polls, and is tried again by the next rescan.
func (n *notifier) rescan() {
	if n.disabled {
		return
	}
	err := n.update()
	was := n.degraded.Swap(err != nil)
	switch {
	case err != nil && !was:
		n.log.Warn("cannot watch files, polling instead", "error", err, "every", DegradedPoll)
	case err == nil && was:
		n.log.Info("watching files again")
	}
}

// update plans and watches until two plans in a row are the same: a directory that was
// made before its parent was watched has sent no event.
func (n *notifier) update() error {
	next, planErr := planFor(n.paths)
	for range maxRounds {
		if err := n.renew(next); err != nil {
			return errors.Join(err, planErr)
		}
		again, err := planFor(n.paths)
		if again.equal(next) {
			n.filter(again) // the names may differ
			return err
		}
		next, planErr = again, err
	}
	n.filter(next)
	n.poke() // still moving: settle, then look again
	return planErr
}

// renew watches what next asks for with a new watcher. Keeping the old one would be
// cheaper and wrong: the kernel watches directories and fsnotify names them by path, so
// that one moved between two looks keeps its watch for ever, or loses it unnoticed. What
// happens while there is none is read by the call that follows every rescan.
func (n *notifier) renew(next plan) error {
	n.close()
	w, err := n.open()
	if err != nil {
		return fmt.Errorf("open a file watcher: %w", err)
	}
	n.filter(next)
	n.watcher = w
	n.readers.Go(func() { n.read(w) })
	for dir := range next {
		if err := w.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

// filter makes p the plan that events are judged by.
func (n *notifier) filter(p plan) { n.current.Store(&p) }

// read turns w's events into tokens until w is closed.
func (n *notifier) read(w *fsnotify.Watcher) {
	for events, errs := w.Events, w.Errors; events != nil || errs != nil; {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if n.current.Load().concerns(e.Name) {
				n.poke()
			}
		case err, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			n.overflow.Do(func() {
				n.log.Warn("lost file events, looking at everything again; later losses are not logged", "error", err)
			})
			n.poke()
		}
	}
}

// poke leaves a token in events unless one is there.
func (n *notifier) poke() {
	select {
	case n.events <- struct{}{}:
	default:
	}
}

// close gives up the watcher and waits for its reader.
func (n *notifier) close() {
	if n.watcher == nil {
		return
	}
	_ = n.watcher.Close() // nothing to do about it: the descriptor is gone either way
	n.readers.Wait()
	n.watcher = nil
}
