package bundle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"postern/sidecar/phrase"
)

// A file is a file of a bundle, read and not yet parsed.
type file struct {
	path    string
	kind    kind
	content []byte
}

// A tree is the files of one source, whatever it was read from, within its limits.
type tree struct {
	limits Limits
	// source is the name of what was read.
	source string
	// label is what errors put before a path: the source, where there are several.
	label   string
	files   []file
	ignored []string

	entries int
	bytes   int64
	// spelled has the name of every file and directory under its folded form.
	spelled map[string]string
	// taken has the names of files, since an archive may repeat one.
	taken map[string]bool
}

func newTree(limits Limits) *tree {
	return &tree{limits: limits, spelled: map[string]string{}, taken: map[string]bool{}}
}

// enter counts a file or directory and checks its name, also against all names before.
func (t *tree) enter(name string, directory bool) error {
	t.entries++
	if t.entries > t.limits.Files {
		return fmt.Errorf("more than %d files and directories", t.limits.Files)
	}
	if err := checkName(name); err != nil {
		return err
	}
	if strings.Count(name, "/") >= t.limits.Depth {
		return fmt.Errorf("%s: more than %d directories deep", phrase.Quote(name), t.limits.Depth)
	}
	for part := name; part != "."; part = path.Dir(part) {
		folded := fold(part)
		if other, ok := t.spelled[folded]; ok && other != part {
			return fmt.Errorf("%s and %s differ only in case", other, part)
		}
		t.spelled[folded] = part
		if part != name && t.taken[part] {
			return fmt.Errorf("%s: is a file and a directory", part)
		}
	}
	if directory {
		return t.enterDirectory(name)
	}
	if t.taken[name] {
		return fmt.Errorf("%s: is there twice", name)
	}
	t.taken[name] = true
	return nil
}

// enterDirectory refuses a directory that stands where a file would be read.
func (t *tree) enterDirectory(name string) error {
	if t.taken[name] {
		return fmt.Errorf("%s: is a file and a directory", name)
	}
	if k, err := kindOf(name); err != nil || k != ignoredFile {
		return fmt.Errorf("%s: is a directory, not a file", name)
	}
	return nil
}

// ignore notes a name that the bundle does not use.
func (t *tree) ignore(name string) {
	t.ignored = append(t.ignored, name)
}

// take reads a file that promises size bytes, and keeps it if it is of use. The promise
// must be kept to the byte.
func (t *tree) take(name string, r io.Reader, size int64) error {
	k, err := kindOf(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if k == ignoredFile {
		t.ignore(name)
		return nil
	}
	if most := t.limits.bytesFor(k); size > most {
		return fmt.Errorf("%s: %d bytes are more than the limit of %d", name, size, most)
	}
	if t.bytes += size; t.bytes > t.limits.TotalBytes {
		return fmt.Errorf("%s: the bundle is larger than %d bytes in all", name, t.limits.TotalBytes)
	}
	// The buffer grows with what is delivered, never by what is promised.
	var content bytes.Buffer
	n, err := io.Copy(&content, io.LimitReader(r, size+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if n != size {
		return fmt.Errorf("read %s: got another number of bytes than the %d that were promised", name, size)
	}
	t.files = append(t.files, file{path: name, kind: k, content: content.Bytes()})
	return nil
}

// done sorts what was read.
func (t *tree) done() {
	slices.SortFunc(t.files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	// What explains a bundle to its readers is not mistaken for a part of it, nor is the
	// configuration of a server that lies at its top.
	t.ignored = slices.DeleteFunc(t.ignored, func(name string) bool { return path.Ext(name) == ".md" || name == "postern.yaml" })
	slices.Sort(t.ignored)
}

// list names the files.
func (t *tree) list() []File {
	files := make([]File, len(t.files))
	for i, f := range t.files {
		files[i] = File{Path: t.label + f.path, Size: len(f.content)}
	}
	return files
}

// warnings says what was ignored, the first few names.
func (t *tree) warnings() []string {
	const most = 20
	var warnings []string
	for i, name := range t.ignored {
		if i == most {
			warnings = append(warnings, fmt.Sprintf("%s%d more files are ignored", t.label, len(t.ignored)-most))
			break
		}
		warnings = append(warnings, fmt.Sprintf("%s: ignored: neither Rego nor data.json, data.yaml, data.yml", t.label+name))
	}
	return warnings
}

// sum hashes the files, each as the length of its path, its path, the length of its
// content, its content; lengths are eight octets, the highest first.
func (t *tree) sum() [sha256.Size]byte {
	h := sha256.New()
	var length [8]byte
	write := func(p []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write(p)
	}
	for _, f := range t.files {
		write([]byte(f.path))
		write(f.content)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// digest is that of the one tree, or of the digests of several.
func digest(trees []*tree) string {
	sum := trees[0].sum()
	if len(trees) > 1 {
		h := sha256.New()
		for _, t := range trees {
			s := t.sum()
			h.Write(s[:])
		}
		sum = [sha256.Size]byte(h.Sum(nil))
	}
	return "sha256:" + hex.EncodeToString(sum[:])
}

// A canceledReader ends reading when its context does.
type canceledReader struct {
	ctx context.Context
	r   io.Reader
}

func (c canceledReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
