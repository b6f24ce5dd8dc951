package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Each case makes a layout in its own directory, starts a watch of "bundle" (or of path)
// and then changes things; every change must be read by a call, with polls out of reach.
func TestWatch(t *testing.T) {
	tests := []struct {
		name   string
		path   string
		before func(t *testing.T, dir string)
		steps  []step
	}{
		{name: "in place", before: plain, steps: []step{
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "2") }, "a.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "a.rego=3"},
		}},
		{name: "truncated and written slowly", before: plain, steps: []step{{slowly, "a.rego=abcdefgh"}}},
		{name: "atomic rename", before: plain, steps: []step{{func(t *testing.T, dir string) {
			write(t, dir+"/bundle/.a.tmp", "2")
			rename(t, dir+"/bundle/.a.tmp", dir+"/bundle/a.rego")
		}, "a.rego=2"}}},
		{name: "rename away and create, as vim does", before: plain, steps: []step{{func(t *testing.T, dir string) {
			rename(t, dir+"/bundle/a.rego", dir+"/bundle/a.rego~")
			write(t, dir+"/bundle/a.rego", "2")
			remove(t, dir+"/bundle/a.rego~")
		}, "a.rego=2"}}},
		{name: "new directories at once", before: plain, steps: []step{
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/b/c/d.rego", "2") }, "a.rego=1 b/c/d.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/b/c/d.rego", "3") }, "a.rego=1 b/c/d.rego=3"},
			{func(t *testing.T, dir string) { rename(t, dir+"/bundle/b", dir+"/bundle/e") }, "a.rego=1 e/c/d.rego=3"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/e/c/d.rego", "4") }, "a.rego=1 e/c/d.rego=4"},
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle/e") }, "a.rego=1"},
		}},
		{name: "removed and made again", before: plain, steps: []step{
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle") }, "missing"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "2") }, "a.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "a.rego=3"},
		}},
		{name: "moved away and back", before: plain, steps: []step{
			{func(t *testing.T, dir string) { rename(t, dir+"/bundle", dir+"/away") }, "missing"},
			{func(t *testing.T, dir string) {
				write(t, dir+"/away/a.rego", "2")
				rename(t, dir+"/away", dir+"/bundle")
			}, "a.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "a.rego=3"},
		}},
		{name: "replaced by another directory", before: plain, steps: []step{
			{func(t *testing.T, dir string) {
				write(t, dir+"/new/a.rego", "2")
				rename(t, dir+"/bundle", dir+"/old")
				rename(t, dir+"/new", dir+"/bundle")
			}, "a.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "a.rego=3"},
		}},
		{name: "replaced by a file and back", before: plain, steps: []step{
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle"); write(t, dir+"/bundle", "f") }, "=f"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle", "g") }, "=g"},
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle"); write(t, dir+"/bundle/a.rego", "2") }, "a.rego=2"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "a.rego=3"},
		}},
		{name: "missing with its parents", path: "x/y/bundle", before: func(*testing.T, string) {}, steps: []step{
			{func(t *testing.T, dir string) { write(t, dir+"/x/y/bundle/a.rego", "1") }, "a.rego=1"},
			{func(t *testing.T, dir string) { remove(t, dir+"/x") }, "missing"},
			{func(t *testing.T, dir string) { write(t, dir+"/x/y/bundle/a.rego", "2") }, "a.rego=2"},
		}},
		{name: "one file", path: "bundle/a.rego", before: plain, steps: []step{
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "2") }, "=2"},
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle/a.rego") }, "missing"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "3") }, "=3"},
			{func(t *testing.T, dir string) {
				rename(t, dir+"/bundle", dir+"/old")
				write(t, dir+"/bundle/a.rego", "4")
			}, "=4"},
			{func(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "5") }, "=5"},
		}},
		{name: "a link on the way is switched", path: "current/bundle", before: releases, steps: []step{
			{func(t *testing.T, dir string) { link(t, "releases/2", dir+"/current") }, "a.rego=two"},
			{func(t *testing.T, dir string) { write(t, dir+"/releases/2/bundle/a.rego", "2b") }, "a.rego=2b"},
			{func(t *testing.T, dir string) { link(t, dir+"/releases/1", dir+"/current") }, "a.rego=one"},
		}},
		{name: "a chain of links", path: "top", before: func(t *testing.T, dir string) {
			releases(t, dir)
			link(t, "current/bundle", dir+"/middle")
			link(t, "./releases/../middle", dir+"/top")
		}, steps: []step{
			{func(t *testing.T, dir string) { link(t, "releases/2", dir+"/current") }, "a.rego=two"},
			{func(t *testing.T, dir string) { link(t, "releases/1/bundle", dir+"/middle") }, "a.rego=one"},
		}},
		{name: "a dangling link, then a loop, then a target", before: func(t *testing.T, dir string) {
			link(t, "nowhere/at/all", dir+"/bundle")
		}, steps: []step{
			{func(t *testing.T, dir string) { write(t, dir+"/nowhere/at/all/a.rego", "1") }, "a.rego=1"},
			{func(t *testing.T, dir string) { link(t, "bundle", dir+"/bundle") }, "missing"},
			{func(t *testing.T, dir string) { link(t, "nowhere/at", dir+"/bundle") }, "all/a.rego=1"},
		}},
		{name: "replaced by a link to a device", path: "bundle/a.rego", before: plain, steps: []step{
			{func(t *testing.T, dir string) {
				remove(t, dir+"/bundle/a.rego")
				link(t, "/dev/zero", dir+"/bundle/a.rego")
			}, ""},
			{func(t *testing.T, dir string) {
				write(t, dir+"/bundle/.t", "2")
				rename(t, dir+"/bundle/.t", dir+"/bundle/a.rego")
			}, "=2"},
		}},
		{name: "replaced by a pipe", path: "bundle/a.rego", before: plain, steps: []step{
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle/a.rego"); mkfifo(t, dir+"/bundle/a.rego") }, ""},
			{func(t *testing.T, dir string) { remove(t, dir+"/bundle/a.rego"); write(t, dir+"/bundle/a.rego", "2") }, "=2"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.before(t, dir)
			path := filepath.Join(dir, "bundle")
			if tt.path != "" {
				path = filepath.Join(dir, tt.path)
			}
			p := start(t, quick(), path, path)
			for _, s := range tt.steps {
				s.do(t, dir)
				p.want(s.want)
			}
		})
	}
}

// A step changes things in a directory; want is what a call must read then.
type step struct {
	do   func(t *testing.T, dir string)
	want string
}

func plain(t *testing.T, dir string) { write(t, dir+"/bundle/a.rego", "1") }

func releases(t *testing.T, dir string) {
	write(t, dir+"/releases/1/bundle/a.rego", "one")
	write(t, dir+"/releases/2/bundle/a.rego", "two")
	link(t, "releases/1", dir+"/current")
}

// slowly truncates a file and writes it octet by octet.
func slowly(t *testing.T, dir string) {
	f, err := os.Create(dir + "/bundle/a.rego")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range "abcdefgh" {
		if _, err := f.WriteString(string(c)); err != nil {
			t.Fatal(err)
		}
	}
}

func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What the kernel calls an attribute change may be a permission that was given back.
func TestWatch_chmod(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	p := start(t, quick(), dir+"/bundle", dir+"/bundle")
	before := p.calls.Load()
	if err := os.Chmod(dir+"/bundle/a.rego", 0o644); err != nil {
		t.Fatal(err)
	}
	p.until("the new mode", func() bool { return p.calls.Load() > before })
}

// Same size and same modification time as before: only the event tells.
func TestWatch_sameSizeAndTime(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	info, err := os.Stat(dir + "/bundle/a.rego")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, quick(), dir+"/bundle", dir+"/bundle")
	write(t, dir+"/bundle/a.rego", "2")
	if err := os.Chtimes(dir+"/bundle/a.rego", time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	p.want("a.rego=2")
}

func TestWatch_relativePath(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	t.Chdir(dir)
	p := start(t, quick(), dir+"/bundle", "./bundle/")
	t.Chdir(t.TempDir())
	write(t, dir+"/bundle/a.rego", "2")
	p.want("a.rego=2")
}

// A log that grows beside the bundle neither calls nor puts a reload off.
func TestWatch_noiseBesideThePath(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	write(t, dir+"/keys.json", "k")
	o := quick()
	o.Settle, o.MaxWait = 200*time.Millisecond, time.Hour
	p := start(t, o, dir+"/bundle", dir+"/bundle", dir+"/keys.json")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				_ = os.WriteFile(dir+"/decisions.log", fmt.Append(nil, i), 0o600)
			}
		}
	}()
	write(t, dir+"/bundle/a.rego", "2")
	p.want("a.rego=2")
	close(stop)
	<-stopped
	if got := p.calls.Load(); got > 4 {
		t.Fatalf("calls = %d, want at most 4", got)
	}
}

// A panic in the callback is logged, and the next change is seen.
func TestWatch_panic(t *testing.T) {
	dir := t.TempDir()
	plain(t, dir)
	log := &lockedBuffer{}
	ctx, cancel := context.WithCancel(t.Context())
	calls := make(chan int, 100)
	count := 0
	ended := make(chan error, 1)
	go func() {
		o := quick()
		o.Logger = textLogger(log)
		ended <- Watch(ctx, []string{dir + "/bundle"}, o, func() {
			count++
			calls <- count
			panic("bad bundle")
		})
	}()
	for want := 1; want <= 3; want++ {
		select {
		case <-calls:
		case <-time.After(patience):
			t.Fatalf("no call %d within %v", want, patience)
		}
		write(t, dir+"/bundle/a.rego", fmt.Sprint(want))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatalf("Watch = %v, want nil", err)
	}
	if got := log.String(); !strings.Contains(got, "reload panicked") || !strings.Contains(got, "bad bundle") {
		t.Fatalf("log = %q, want the panic", got)
	}
}

func TestWatch_refusesItsArguments(t *testing.T) {
	f := func(paths []string, o Options, want string) {
		t.Helper()
		err := Watch(t.Context(), paths, o, func() { t.Error("called") })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("Watch(%q, %+v) = %v, want an error with %q", paths, o, err, want)
		}
	}
	f(nil, Options{}, "no paths")
	f([]string{"a", ""}, Options{}, `"" is not a path`)
	f([]string{"a\x00b"}, Options{}, "is not a path")
	f([]string{"a"}, Options{Settle: -1}, "must not be negative")
	f([]string{"a"}, Options{MaxWait: -1}, "must not be negative")
	f([]string{"a"}, Options{Poll: -1}, "must not be negative")
}

func TestOptions_defaults(t *testing.T) {
	f := func(o Options, settle, maxWait, poll time.Duration) {
		t.Helper()
		got, err := o.withDefaults()
		if err != nil || got.Settle != settle || got.MaxWait != maxWait || got.Poll != poll || got.Logger == nil {
			t.Fatalf("withDefaults(%+v) = %+v, %v, want %v, %v, %v", o, got, err, settle, maxWait, poll)
		}
	}
	f(Options{}, 250*time.Millisecond, 10*time.Second, 15*time.Second)
	f(Options{DisableNotify: true}, 250*time.Millisecond, 10*time.Second, 2*time.Second)
	f(Options{DisableNotify: true, Poll: time.Minute}, 250*time.Millisecond, 10*time.Second, time.Minute)
	f(Options{Settle: 1, MaxWait: 2, Poll: 3}, 1, 2, 3)
}
