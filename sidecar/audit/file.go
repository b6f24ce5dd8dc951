package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// gatherForFile is how long records wait for others to be written with.
const gatherForFile = 5 * time.Millisecond

// Pauses between the tries of a file that cannot be written.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// A file is a sink. It is rotated by the writer, and never by another process at once: a
// rename, and not a copy that truncates, is what it notices when it is opened anew.
//
// No library does this here: lumberjack counts in whole MiB and days, renames devices,
// truncates what it finds at its path, opens new files without O_APPEND, and says nothing of
// lines that it wrote in part.
type file struct {
	path   string // empty for a standard stream
	rotate Rotate
	warn   func(error)
	f      *os.File
	// size is the file's, where it is one that can be rotated, and else 0.
	size      int64
	rotatable bool
	partial   int  // bytes of the batch's first record that are written already
	torn      bool // the file ends in the middle of a line that nobody goes on with
	linked    bool // the file is a regular one that has a name, as far as its system counts them
	warned    bool // of the last rotation

	keeping sync.WaitGroup // old files are kept by another goroutine
	keeper  chan struct{}  // has a mark while that is under way
	ending  context.CancelFunc
	ctx     context.Context
}

func standard(name string) *file {
	if name == "stdout" {
		return newFile("", Rotate{}, os.Stdout)
	}
	return newFile("", Rotate{}, os.Stderr)
}

func newFile(path string, r Rotate, f *os.File) *file {
	ctx, cancel := context.WithCancel(context.Background())
	return &file{path: path, rotate: r, f: f, keeper: make(chan struct{}, 1), ctx: ctx, ending: cancel, warn: func(error) {}}
}

func openFile(path string, r Rotate, warn func(error)) (*file, error) {
	f := newFile(path, r, nil)
	f.warn = warn
	if err := f.open(); err != nil {
		return nil, err
	}
	f.keep()
	return f, nil
}

// open opens the file. A line that another process left in the middle is ended before the
// next one is written.
func (f *file) open() error {
	opened, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.f, f.partial = opened, 0
	info, err := opened.Stat()
	regular := err == nil && info.Mode().IsRegular()
	f.torn = regular && endsInside(f.path, info.Size())
	f.linked = regular && links(info) > 0
	// What is behind a link, or is no file, stays where it is.
	named, err := os.Lstat(f.path)
	f.rotatable = err == nil && named.Mode().IsRegular()
	f.size = 0
	if f.rotatable {
		f.size = named.Size()
	}
	return nil
}

// links is how many names a file has.
func links(info os.FileInfo) uint64 {
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(of.Nlink) // it has 32 bits elsewhere
}

// deleted reports whether the file has lost its last name: what is written to it is gone as
// soon as it is closed.
func (f *file) deleted() bool {
	if !f.linked {
		return false
	}
	info, err := f.f.Stat()
	return err == nil && links(info) == 0
}

// endsInside reports whether the last byte of a file is another than a line feed, as far as
// it can be read.
func endsInside(path string, size int64) bool {
	if size == 0 {
		return false
	}
	in, err := os.Open(path)
	if err != nil {
		return false
	}
	defer in.Close()
	last := make([]byte, 1)
	_, err = in.ReadAt(last, size-1)
	return (err == nil || errors.Is(err, io.EOF)) && !bytes.Equal(last, []byte{'\n'})
}

// deliver writes as many records as the file has room for, and goes on in the middle of one
// where a write ended there.
func (f *file) deliver(_ context.Context, b *batch) delivery {
	if f.f == nil {
		if err := f.open(); err != nil {
			return delivery{err: err}
		}
	}
	n := len(b.ends)
	if f.rotates() {
		if f.partial == 0 && f.size > 0 && f.size+int64(b.ends[0]) > f.rotate.Size {
			f.turn()
		}
		for n > 1 && f.size+int64(b.ends[n-1]) > f.rotate.Size {
			n--
		}
	}
	d := f.write(b, n)
	if d.err != nil || !f.deleted() {
		return d
	}
	f.warn(errors.New("the decision log's file was deleted, and is made anew"))
	if err := f.reopen(); err != nil {
		return delivery{err: err}
	}
	if d = f.write(b, n); d.err == nil && f.deleted() {
		return delivery{err: errors.New("the decision log's file is deleted again and again")}
	}
	return d
}

// write writes n records, or as many as there is room for.
func (f *file) write(b *batch, n int) delivery {
	if f.torn {
		if _, err := f.f.Write([]byte{'\n'}); err != nil {
			return delivery{err: err}
		}
		f.size++
		f.torn = false
	}
	wrote, err := f.f.Write(b.first(n)[f.partial:])
	f.size += int64(wrote)
	if err == nil {
		f.partial = 0
		return delivery{taken: n}
	}
	wrote += f.partial
	whole := 0
	for whole < n && b.ends[whole] <= wrote {
		whole++
	}
	f.partial = wrote - len(b.first(whole))
	return delivery{taken: whole, err: err}
}

func (f *file) rotates() bool { return f.rotatable && f.rotate.Size > 0 }

// turn moves the file away and begins a new one. Where it cannot, the old one goes on.
func (f *file) turn() {
	err := f.moveAway()
	if err != nil && !f.warned {
		f.warn(fmt.Errorf("the decision log's file cannot make place for a new one: %w", err))
	}
	f.warned = err != nil
	if err == nil {
		f.keep()
	}
}

func (f *file) moveAway() error {
	if !f.atPath() {
		was := f.f
		if err := f.open(); err != nil {
			return err
		}
		return was.Close()
	}
	old, err := f.rotate.nameFor(f.path, time.Now())
	if err != nil {
		return err
	}
	if err := os.Rename(f.path, old); err != nil {
		return err
	}
	next, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, os.Rename(old, f.path))
	}
	err = f.f.Close()
	f.f, f.size, f.torn = next, 0, false
	return err
}

// atPath reports whether the file is still the one at its path: what others put there is not
// moved.
func (f *file) atPath() bool {
	own, err := f.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.path)
	return err == nil && os.SameFile(own, there)
}

// keep has old files compressed and deleted, unless that is under way.
func (f *file) keep() {
	if !f.rotates() {
		return
	}
	select {
	case f.keeper <- struct{}{}:
	default:
		return
	}
	f.keeping.Go(func() {
		defer func() { <-f.keeper }()
		if err := f.rotate.keep(f.ctx, f.path, time.Now()); err != nil && f.ctx.Err() == nil {
			f.warn(fmt.Errorf("old files of the decision log: %w", err))
		}
	})
}

func (f *file) gather() time.Duration { return gatherForFile }

func (f *file) pause(n int, _ error) time.Duration {
	return min(firstPause<<min(n-1, 8), longestPause)
}

func (f *file) persists() bool { return false }

func (f *file) cause() string { return LostWrite }

// reopen opens the file at the path, which may be another one by now. A record of which the
// old one has the beginning is written whole to the new one.
func (f *file) reopen() error {
	if f.path == "" {
		return nil
	}
	if f.f != nil {
		// What was written is in the file, whatever its end says.
		_ = f.f.Close()
		f.f = nil
	}
	return f.open()
}

func (f *file) close() {
	f.ending()
	f.keeping.Wait()
	if f.path != "" && f.f != nil {
		_ = f.f.Close() // there is nobody left to tell
	}
}
