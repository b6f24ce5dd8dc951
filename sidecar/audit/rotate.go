package audit

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Rotate is when a file makes place for a new one, and what becomes of old ones.
type Rotate struct {
	Size     int64         // from which on it does; 0 is never
	Keep     int           // how many old files are kept; 0 is all
	Age      time.Duration // how long old files are kept; 0 is for ever
	Compress bool          // whether old files are compressed with gzip
}

// oldTime is the time in an old file's name: decisions.jsonl becomes
// decisions-20260102T150405.000000Z.jsonl. Names sort by it.
const oldTime = "20060102T150405.000000Z"

// lastYear is the last that a name has room for.
const lastYear = 9999

// Endings of old files that are compressed, and of those that are being compressed.
const (
	compressed  = ".gz"
	compressing = ".gz.part"
)

// parts are what an old file's name has before and behind its time.
func parts(path string) (before, behind string) {
	name := filepath.Base(path)
	behind = filepath.Ext(name)
	if behind == name {
		behind = ""
	}
	return strings.TrimSuffix(name, behind) + "-", behind
}

// nameFor is where to move a file, which nothing is called by yet. It sorts behind all others,
// also where the clock was set back: else the latest records would be the first to go.
func (r Rotate) nameFor(path string, now time.Time) (string, error) {
	before, behind := parts(path)
	all, err := olds(path)
	if err != nil {
		return "", err
	}
	if len(all) > 0 && !now.After(all[0].at) && all[0].at.Year() < lastYear {
		now = all[0].at.Add(time.Microsecond)
	}
	for range 100 {
		old := filepath.Join(filepath.Dir(path), before+now.UTC().Format(oldTime)+behind)
		_, err := os.Lstat(old)
		_, errCompressed := os.Lstat(old + compressed)
		if errors.Is(err, os.ErrNotExist) && errors.Is(errCompressed, os.ErrNotExist) {
			return old, nil
		}
		now = now.Add(time.Microsecond)
	}
	return "", fmt.Errorf("no name is free for the old %s", path)
}

// An old file is one that was moved away.
type old struct {
	path string
	at   time.Time
}

// olds are the old files of a path, the latest first. What is no regular file is none.
func olds(path string) ([]old, error) {
	before, behind := parts(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var all []old
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), before)
		plain := strings.TrimSuffix(strings.TrimSuffix(rest, compressing), compressed)
		stamp, ends := strings.CutSuffix(plain, behind)
		if !ok || !ends || !e.Type().IsRegular() {
			continue
		}
		if at, err := time.Parse(oldTime, stamp); err == nil {
			all = append(all, old{filepath.Join(filepath.Dir(path), e.Name()), at})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return b.at.Compare(a.at) })
	return all, nil
}

// keep deletes the old files that are too many or too old, and compresses the others.
func (r Rotate) keep(ctx context.Context, path string, now time.Time) error {
	all, err := olds(path)
	if err != nil {
		return err
	}
	var mistakes []error
	kept := 0
	for _, o := range all {
		switch {
		case strings.HasSuffix(o.path, compressing): // left by a process that ended
			mistakes = append(mistakes, os.Remove(o.path))
			continue
		case r.Keep > 0 && kept >= r.Keep, r.Age > 0 && now.Sub(o.at) > r.Age:
			mistakes = append(mistakes, os.Remove(o.path))
			continue
		}
		kept++
		if r.Compress && !strings.HasSuffix(o.path, compressed) {
			mistakes = append(mistakes, compress(ctx, o.path))
		}
	}
	return errors.Join(mistakes...)
}

// compress puts a compressed file in the place of a plain one, at once.
func compress(ctx context.Context, path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	part := path + compressing
	out, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	packed := gzip.NewWriter(out)
	_, err = io.Copy(packed, until{ctx, in})
	if err = errors.Join(err, packed.Close(), out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, path+compressed); err != nil {
		return err
	}
	return os.Remove(path)
}

// until reads as long as its context lasts.
type until struct {
	ctx context.Context
	in  io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.in.Read(p)
}
