package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A kept archive is one file: a line of JSON, then the archive as it was sent. One file
// is replaced by one rename, so there is no moment of half of it.

// keptForm is the form of the file. Another one is not read.
const keptForm = "postern-bundle-1"

// maxKeptHeader bounds the line of JSON.
const maxKeptHeader = 8 << 10

// A keptHeader says what follows it.
type keptHeader struct {
	Form string `json:"form"`
	// Source is for people; URL is the digest of the whole one, which may hold a secret.
	Source    string    `json:"source"`
	URL       string    `json:"url"`
	ETag      string    `json:"etag"`
	Digest    string    `json:"digest"`
	Size      int64     `json:"size"`
	FetchedAt time.Time `json:"fetched_at"`
}

// keptPath is the file of a source: no two have one.
func (s *Source) keptPath() string { return s.options.own(".bundle") }

// own is a path in the directory that is this source's alone.
func (o Options) own(suffix string) string {
	return filepath.Join(o.Directory, strings.TrimPrefix(digestOf([]byte(o.URL)), "sha256:")+suffix)
}

// Keep keeps an archive in the directory, in the place of the one before: all of it or, on
// an error, nothing. It is called once the archive was found good by the whole load.
// Without a directory it does nothing.
func (s *Source) Keep(a Archive) error {
	if s.options.Directory == "" {
		return nil
	}
	if digestOf(a.Content) != a.Digest {
		return errors.New("the archive is not what its digest says")
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	header, err := json.Marshal(keptHeader{
		Form: keptForm, Source: s.Name(), URL: digestOf([]byte(s.options.URL)), ETag: a.ETag,
		Digest: a.Digest, Size: int64(len(a.Content)), FetchedAt: a.FetchedAt.UTC(),
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.options.Directory, 0o700); err != nil {
		return err
	}
	s.onDisk = "" // until it is known again
	if err := replace(s.keptPath(), append(header, '\n'), a.Content); err != nil {
		return err
	}
	s.onDisk = a.Digest
	at := s.newestAt(a)
	return os.Chtimes(s.keptPath(), at, at)
}

// newestAt is when the server last said that an archive is the newest, here or before the
// start. What lies ahead is of another clock.
func (s *Source) newestAt(a Archive) time.Time {
	at := a.FetchedAt
	if a.ReachedAt.After(at) && !a.ReachedAt.After(s.options.Now()) {
		at = a.ReachedAt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest.digest() == a.Digest && s.status.Reached.After(at) {
		at = s.status.Reached
	}
	return at
}

// stillNewest notes at the file, by its time, that the server says that what is kept is the
// newest: a restart while the server is down then knows how old the news is.
func (s *Source) stillNewest(digest string, now time.Time) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if s.onDisk == "" || s.onDisk != digest {
		return
	}
	if err := os.Chtimes(s.keptPath(), now, now); err != nil {
		s.options.Logger.Debug("the time of the kept bundle", "source", s.Name(), "error", err.Error())
	}
}

// leftAlone is the age from which a file that was to replace another is what a crash left.
const leftAlone = time.Hour

// replace writes a file beside path, and puts it in its place once it is on the disk. The
// file is this call's alone: another process may be replacing the same one.
func replace(path string, parts ...[]byte) error {
	removeLeft(path)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // of mode 0600
	if err != nil {
		return err
	}
	next := f.Name()
	defer os.Remove(next) // where it is still there
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			if fault, ok := errors.AsType[*fs.PathError](err); ok {
				fault.Path = path // the other name is another each time
			}
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeLeft removes what a crash left beside path. What cannot be removed is in nobody's way.
func removeLeft(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)+".") {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftAlone {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// Kept is the archive that is kept in the directory, if it is whole, of this URL, within
// the limits, and nobody else's. What is there and is not is said in the log, once for each
// run of the same cause.
func (s *Source) Kept() (Archive, bool) {
	if s.options.Directory == "" {
		return Archive{}, false
	}
	a, err := s.readKept()
	s.sayUnread(err)
	return a, err == nil
}

// sayUnread says why what is kept is not used, once for each run of the same cause.
func (s *Source) sayUnread(err error) {
	cause := ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		cause = err.Error()
	}
	s.keeping.Lock()
	said := s.unread == cause
	s.unread = cause
	s.keeping.Unlock()
	if cause != "" && !said {
		s.options.Logger.Warn("the kept bundle is not used", "source", s.Name(), "error", cause)
	}
}

func (s *Source) readKept() (Archive, error) {
	path := s.keptPath()
	s.keeping.Lock()
	defer s.keeping.Unlock()
	text, written, err := readOwn(path, s.options.Limits.TotalBytes+maxKeptHeader)
	if err != nil {
		return Archive{}, err
	}
	a, err := s.parseKept(text)
	if err != nil {
		return Archive{}, fmt.Errorf("%s: %w", path, err)
	}
	s.onDisk = a.Digest
	a.ReachedAt = written
	return a, nil
}

// parseKept takes what is in the file.
func (s *Source) parseKept(text []byte) (Archive, error) {
	line, content, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || len(line) > maxKeptHeader {
		return Archive{}, errors.New("does not begin with what it is")
	}
	var h keptHeader
	if err := json.Unmarshal(line, &h); err != nil || h.Form != keptForm {
		return Archive{}, errors.New("does not begin with what it is")
	}
	switch {
	case h.URL != digestOf([]byte(s.options.URL)):
		return Archive{}, errors.New("is of another URL")
	case h.Size != int64(len(content)) || h.Digest != digestOf(content):
		return Archive{}, errors.New("is not whole")
	}
	if err := s.options.inspect(context.Background(), content); err != nil {
		return Archive{}, err
	}
	return Archive{Content: content, ETag: usable(h.ETag), Digest: h.Digest, FetchedAt: h.FetchedAt}, nil
}

// readOwn reads a regular file that nobody else can have written, and its time.
func readOwn(path string, limit int64) (text []byte, written time.Time, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, written, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, written, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, written, fmt.Errorf("%s: not a regular file", path)
	case !ok || int(owner.Uid) != os.Geteuid():
		return nil, written, fmt.Errorf("%s: belongs to another user", path)
	case info.Mode().Perm()&0o022 != 0:
		return nil, written, fmt.Errorf("%s: others can write to it", path)
	case info.Size() > limit:
		return nil, written, fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	text, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return text, info.ModTime(), err
}
