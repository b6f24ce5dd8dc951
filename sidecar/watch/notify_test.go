package watch

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func textLogger(b *lockedBuffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// An atomicWriter publishes as the kubelet does: a new timestamped directory, a link
// "..data" that is replaced by a rename, and one fixed link for each file.
type atomicWriter struct {
	t    *testing.T
	dir  string
	last string
}

// publish makes files, by name, the content of the volume.
func (w *atomicWriter) publish(n int, files map[string]string) {
	w.t.Helper()
	name := fmt.Sprintf("..2026_01_02_03_04_05.%d", n)
	for file, content := range files {
		write(w.t, w.dir+"/"+name+"/"+file, content)
	}
	if err := os.Symlink(name, w.dir+"/..data_tmp"); err != nil {
		w.t.Fatal(err)
	}
	rename(w.t, w.dir+"/..data_tmp", w.dir+"/..data")
	for file := range files {
		if err := os.Symlink("..data/"+file, w.dir+"/"+file); err != nil && !os.IsExist(err) {
			w.t.Fatal(err)
		}
	}
	if w.last != "" {
		remove(w.t, w.dir+"/"+w.last)
	}
	w.last = name
}

// A hundred ConfigMap updates are each seen, as a directory and as a single key of it.
func TestWatch_configMap(t *testing.T) {
	for _, path := range []string{"", "/keys.json"} {
		t.Run("path "+path, func(t *testing.T) {
			w := &atomicWriter{t: t, dir: t.TempDir()}
			w.publish(0, map[string]string{"keys.json": "0"})
			p := start(t, quick(), w.dir+path, w.dir+path)
			before := measure(t)
			for i := 1; i <= 100; i++ {
				w.publish(i, map[string]string{"keys.json": fmt.Sprint(i)})
				p.want(nameIn(path) + fmt.Sprint(i))
			}
			wantNoGrowth(t, before)
		})
	}
}

// nameIn is what [read] puts before the content of keys.json under path.
func nameIn(path string) string {
	if path == "" {
		return "keys.json="
	}
	return "="
}

// A thousand atomic replacements in a row end on the last, in a few calls, and leave
// neither goroutines nor descriptors nor kernel watches behind.
func TestWatch_renameStorm(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	o := quick()
	o.Settle, o.MaxWait = 50*time.Millisecond, 10*time.Second
	p := start(t, o, dir+"/bundle", dir+"/bundle")
	before := measure(t)
	calls := p.calls.Load()
	for i := range 1000 {
		write(t, dir+"/bundle/.a.tmp", fmt.Sprint("v", i))
		rename(t, dir+"/bundle/.a.tmp", dir+"/bundle/a.rego")
	}
	p.want("a.rego=v999")
	if got := p.calls.Load() - calls; got > 20 {
		t.Errorf("calls = %d, want a few", got)
	}
	wantNoGrowth(t, before)
}

// The directory itself is replaced over and over while rescans run.
func TestWatch_directoryStorm(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	p := start(t, Options{Settle: time.Millisecond, MaxWait: 5 * time.Millisecond, Poll: time.Hour}, dir+"/bundle", dir+"/bundle")
	before := measure(t)
	for i := range 1000 {
		write(t, dir+"/new/sub/a.rego", fmt.Sprint("v", i))
		rename(t, dir+"/bundle", dir+"/old")
		rename(t, dir+"/new", dir+"/bundle")
		if i%2 == 0 {
			remove(t, dir+"/old")
			continue
		}
		rename(t, dir+"/old", fmt.Sprint(dir, "/kept", i)) // its watch must not live on
	}
	p.want("sub/a.rego=v999")
	write(t, dir+"/bundle/sub/a.rego", "end")
	p.want("sub/a.rego=end")
	before.watches++ // "sub"
	wantNoGrowth(t, before)
}

// wantNoGrowth waits until usage is not above before.
func wantNoGrowth(t *testing.T, before usage) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		now := measure(t)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.watches <= before.watches {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("usage = %+v, want at most %+v", now, before)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestWatch_endsWithItsContext(t *testing.T) {
	before := measure(t)
	for range 20 {
		dir := t.TempDir()
		plain(t, dir)
		p := start(t, quick(), dir+"/bundle", dir+"/bundle")
		write(t, dir+"/bundle/a.rego", "2")
		p.stop()
	}
	wantNoGrowth(t, before)
}

func TestWatch_pollOnly(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	before := measure(t)
	o := Options{DisableNotify: true, Poll: 5 * time.Millisecond}
	p := start(t, o, dir+"/bundle", dir+"/bundle")
	if got := measure(t).watches; got != before.watches {
		t.Fatalf("kernel watches = %d, want %d", got, before.watches)
	}
	write(t, dir+"/bundle/a.rego", "2")
	p.want("a.rego=2")
	remove(t, dir+"/bundle")
	p.want("missing")
	write(t, dir+"/bundle/b.rego", "3")
	p.want("b.rego=3")
}

// Without notifications polls do the work; the cause is logged once, and so is that they
// are back.
func TestWatch_withoutNotifications(t *testing.T) {
	tests := []struct {
		name string
		open func() (*fsnotify.Watcher, error) // while they cannot be had
		want string
	}{
		{"no instances", func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }, "too many open files"},
		{"no watches", closedWatcher, "watcher already closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plain(t, dir)
			var failing atomic.Bool
			failing.Store(true)
			var opened atomic.Int64
			o := quick()
			o.Poll = 5 * time.Millisecond
			p := startWith(t, o, func(n *notifier) {
				n.open = func() (*fsnotify.Watcher, error) {
					opened.Add(1)
					if failing.Load() {
						return tt.open()
					}
					return fsnotify.NewWatcher()
				}
			}, dir+"/bundle", dir+"/bundle")
			write(t, dir+"/bundle/a.rego", "2")
			p.want("a.rego=2")
			p.until("five tries", func() bool { return opened.Load() >= 5 })
			failing.Store(false)
			p.until("that files are watched again", func() bool { return strings.Contains(p.log.String(), "again") })
			p.stop()
			log := p.log.String()
			if got := strings.Count(log, "\n"); got != 2 || !strings.Contains(log, tt.want) {
				t.Fatalf("log = %q, want two lines, one with %q", log, tt.want)
			}
		})
	}
}

// closedWatcher returns a watcher that takes no watch, as without any left.
func closedWatcher() (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return w, w.Close()
}

func TestNotifier_pollInterval(t *testing.T) {
	n := newNotifier(nil, Options{})
	f := func(degraded bool, normal, want time.Duration) {
		t.Helper()
		n.degraded.Store(degraded)
		if got := n.pollInterval(normal); got != want {
			t.Fatalf("pollInterval(%v), degraded %v = %v, want %v", normal, degraded, got, want)
		}
	}
	f(false, DefaultPoll, DefaultPoll)
	f(true, DefaultPoll, DegradedPoll)
	f(true, time.Millisecond, time.Millisecond)
}

// Lost events are an event, and logged once.
func TestNotifier_overflow(t *testing.T) {
	log := &lockedBuffer{}
	n := newNotifier([]string{t.TempDir()}, Options{Logger: textLogger(log)})
	defer n.close()
	for range 3 {
		n.rescan()
		n.watcher.Errors <- fsnotify.ErrEventOverflow
		select {
		case <-n.events:
		case <-time.After(patience):
			t.Fatalf("no event within %v", patience)
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 1 || !strings.Contains(log.String(), "lost file events") {
		t.Errorf("log = %q, want one line about lost events", log.String())
	}
}

// A tree too large to watch is said so, not walked for ever.
func TestPlan_tooManyDirectories(t *testing.T) {
	dir := t.TempDir()
	for i := range maxDirectories + 1 {
		if err := os.Mkdir(fmt.Sprint(dir, "/", i), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, err := planFor([]string{dir})
	if err == nil || !strings.Contains(err.Error(), "more than 4096 directories") {
		t.Fatalf("planFor = %v, want an error that names the limit", err)
	}
	if len(p) != maxDirectories {
		t.Fatalf("planned directories = %d, want %d", len(p), maxDirectories)
	}
}

func TestPlan_concerns(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/bundle/sub/a.rego", "1")
	write(t, dir+"/keys.json", "k")
	p, err := planFor([]string{dir + "/bundle", dir + "/keys.json", dir + "/missing/file"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, want bool) {
		t.Helper()
		if got := p.concerns(dir + name); got != want {
			t.Fatalf("concerns(%q) = %v, want %v", name, got, want)
		}
	}
	f("", true) // the holding directory itself was moved or removed
	f("/bundle", true)
	f("/bundle/anything", true)
	f("/bundle/sub/a.rego", true)
	f("/keys.json", true)
	f("/missing", true)
	f("/unknown/directory", true)
	f("/decisions.log", false)
	f("/keys.json.swp", false)
}
