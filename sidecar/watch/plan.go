package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxLinks is how many links may lie on the way to a path, as in the Linux kernel.
	maxLinks = 40
	// maxDirectories bounds the watches of one plan: beyond it, polls alone see changes.
	maxDirectories = 4096
)

var errTooManyDirectories = fmt.Errorf("more than %d directories to watch", maxDirectories)

// A plan says which directories to watch, by their real path, and for what.
type plan map[string]*interest

// An interest says which entries of a directory matter: all of them in a bundle's tree,
// else the names on the way to a watched path. Siblings of those, such as a log that
// grows beside a bundle, would otherwise put every reload off.
type interest struct {
	info  fs.FileInfo
	all   bool
	names map[string]struct{}
}

// planFor follows every path, which must be absolute, as the kernel would. The plan is
// usable even with an error, which says that it does not cover everything.
func planFor(paths []string) (plan, error) {
	p := plan{}
	var errs []error
	for _, path := range paths {
		errs = append(errs, p.follow(path))
	}
	return p, errors.Join(errs...)
}

// follow walks path from the root and notes the directory of each link on the way and of
// the last component; where something is missing, the directory that it is missing from.
func (p plan) follow(path string) error {
	dir, rest := "/", components(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			dir = filepath.Dir(dir)
			continue
		}
		full := filepath.Join(dir, name)
		info, err := os.Lstat(full)
		if err != nil {
			return p.wait(dir, name, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if err := p.note(dir, name); err != nil {
				return err
			}
			target, err := os.Readlink(full)
			if links++; err != nil || links > maxLinks {
				return nil // nothing to read there until the link itself is replaced
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(components(target), rest...)
			continue
		}
		if len(rest) > 0 && info.IsDir() {
			dir = full
			continue
		}
		if err := p.note(dir, name); err != nil || !info.IsDir() {
			return err
		}
		return p.tree(full)
	}
	return p.tree(dir)
}

// wait notes that name is missing from dir. Another cause than its absence is returned
// as well: it may hide changes.
func (p plan) wait(dir, name string, cause error) error {
	if errors.Is(cause, fs.ErrNotExist) {
		cause = nil
	}
	return errors.Join(p.note(dir, name), cause)
}

// note adds an interest in the entry name of dir. A directory that has just gone is left
// out: whatever removed it is an event in turn.
func (p plan) note(dir, name string) error {
	in, err := p.directory(dir)
	if in != nil {
		in.names[name] = struct{}{}
	}
	return err
}

// tree adds dir and every directory below it. Links are not followed.
func (p plan) tree(dir string) error {
	var unreadable []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				unreadable = append(unreadable, err)
			}
			return nil
		}
		if !d.IsDir() {
			return nil
		}
		in, err := p.directory(path)
		if in != nil {
			in.all = true
		}
		return err
	})
	return errors.Join(append(unreadable, err)...)
}

// directory returns the interest in dir, which it makes if there is none yet; nil where
// dir is no directory any more, or one too many.
func (p plan) directory(dir string) (*interest, error) {
	if in, ok := p[dir]; ok {
		return in, nil
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(p) >= maxDirectories {
		return nil, errTooManyDirectories
	}
	in := &interest{info: info, names: map[string]struct{}{}}
	p[dir] = in
	return in, nil
}

// concerns reports whether an event of that name may matter. Only an entry that is known
// not to lie on the way to anything does not.
func (p plan) concerns(name string) bool {
	if _, watched := p[name]; watched {
		return true
	}
	in, ok := p[filepath.Dir(name)]
	if !ok || in.all {
		return true
	}
	_, ok = in.names[filepath.Base(name)]
	return ok
}

// equal reports whether both plans watch the same directories, by path and by identity.
func (p plan) equal(q plan) bool {
	if len(p) != len(q) {
		return false
	}
	for dir, in := range p {
		other, ok := q[dir]
		if !ok || !os.SameFile(in.info, other.info) {
			return false
		}
	}
	return true
}

// components splits a path at its slashes, without what means nothing.
func components(path string) []string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}
