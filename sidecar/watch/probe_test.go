package watch

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// quick settles fast and never polls, so that only events can make a test pass.
func quick() Options {
	return Options{Settle: 10 * time.Millisecond, MaxWait: 200 * time.Millisecond, Poll: time.Hour}
}

// A probe is a running watch whose callback reads everything under root.
type probe struct {
	t        *testing.T
	seen     chan struct{} // capacity 1: the callback ran
	mu       sync.Mutex    // guards content
	content  string
	calls    atomic.Int64
	notifier *notifier
	log      *lockedBuffer
	cancel   context.CancelFunc
	ended    chan struct{}
}

// start watches paths and reads root on every call. It returns after the first.
func start(t *testing.T, o Options, root string, paths ...string) *probe {
	t.Helper()
	return startWith(t, o, nil, root, paths...)
}

// startWith is start with a chance to change the notifier before it runs.
func startWith(t *testing.T, o Options, prepare func(*notifier), root string, paths ...string) *probe {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &probe{t: t, seen: make(chan struct{}, 1), log: &lockedBuffer{}, cancel: cancel, ended: make(chan struct{})}
	o.Logger = slog.New(slog.NewTextHandler(p.log, nil))
	absolute, err := absolutePaths(paths)
	if err != nil {
		t.Fatal(err)
	}
	o, err = o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	p.notifier = newNotifier(absolute, o)
	if prepare != nil {
		prepare(p.notifier)
	}
	go func() {
		defer close(p.ended)
		defer p.notifier.close()
		watch(ctx, p.notifier, o, func() {
			text := read(root)
			p.mu.Lock()
			p.content = text
			p.mu.Unlock()
			p.calls.Add(1)
			select {
			case p.seen <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(p.stop)
	p.until("the first call", func() bool { return p.calls.Load() > 0 })
	return p
}

// stop ends the watch and waits for it.
func (p *probe) stop() {
	p.cancel()
	<-p.ended
}

// until waits for calls until ok.
func (p *probe) until(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-p.seen:
		case <-deadline:
			p.t.Fatalf("no call showed %s within %v; the last one read %q, the log says %q", what, patience, p.last(), p.log.String())
		}
	}
}

// want waits until a call has read the given content.
func (p *probe) want(content string) {
	p.t.Helper()
	p.until(content, func() bool { return p.last() == content })
}

func (p *probe) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content
}

// read returns "name=content" of all regular files under root, links followed at the
// root and through ..data, as a bundle's reader does.
func read(root string) string {
	if data, err := filepath.EvalSymlinks(root + "/..data"); err == nil {
		root = data
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "missing"
	}
	var found []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		found = append(found, strings.TrimPrefix(strings.TrimPrefix(path, root), "/")+"="+string(b))
		return nil
	})
	return strings.Join(found, " ")
}

// write replaces a file's content in place, and makes its directories.
func write(t *testing.T, path, content string) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// link makes, or atomically replaces, a symbolic link.
func link(t *testing.T, target, path string) {
	t.Helper()
	remove(t, path+".tmp")
	if err := os.Symlink(target, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	rename(t, path+".tmp", path)
}

// usage counts what a watch must not pile up.
type usage struct{ goroutines, descriptors, watches int }

// measure reads the usage of this process from procfs, or skips.
func measure(t *testing.T) usage {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	u := usage{goroutines: runtime.NumGoroutine(), descriptors: len(fds)}
	for _, fd := range fds {
		info, err := os.ReadFile("/proc/self/fdinfo/" + fd.Name())
		if err != nil {
			continue // closed since the listing, as the one that listed
		}
		u.watches += bytes.Count(info, []byte("inotify wd:"))
	}
	return u
}

// lockedBuffer is a log that a test may read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
