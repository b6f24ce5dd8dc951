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

	opa "github.com/open-policy-agent/opa/v1/bundle"

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
	// signed says that the source must be signed. Then others are the ignored files, which
	// the signature covers as it does the rest, and signature is its file.
	signed    bool
	others    []file
	signature *file
	// signer is the key that signed, once that is verified.
	signer string

	entries int
	bytes   int64
	modules int64 // bytes of Rego
	// spelled has the name of every file and directory under its folded form.
	spelled map[string]string
	// taken has the names of files, since an archive may repeat one.
	taken map[string]bool
}

func newTree(limits Limits, signed bool) *tree {
	return &tree{limits: limits, signed: signed, spelled: map[string]string{}, taken: map[string]bool{}}
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
	if k, err := t.kindOf(name); err != nil || k != ignoredFile {
		return fmt.Errorf("%s: is a directory, not a file", name)
	}
	return nil
}

// ignore notes a name that the bundle does not use.
func (t *tree) ignore(name string) {
	t.ignored = append(t.ignored, name)
}

// kindOf is what a file of this source is by its name.
func (t *tree) kindOf(name string) (kind, error) {
	switch {
	case !t.signed || !opa.IsSignaturesFile(name):
		return kindOf(name)
	case name == SignaturesName:
		return signatureFile, nil
	}
	return 0, fmt.Errorf("a bundle has one signature, %s at its top", SignaturesName)
}

// take reads a file that promises size bytes, and keeps it if it is of use. The promise
// must be kept to the byte.
func (t *tree) take(name string, r io.Reader, size int64) error {
	k, err := t.kindOf(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if k == ignoredFile {
		t.ignore(name)
		if !t.signed {
			return nil
		}
	}
	if most := t.limits.bytesFor(k); size > most {
		return fmt.Errorf("%s: %d bytes are more than the limit of %d", name, size, most)
	}
	if t.bytes += size; t.bytes > t.limits.TotalBytes {
		return fmt.Errorf("%s: the bundle is larger than %d bytes in all", name, t.limits.TotalBytes)
	}
	if k == moduleFile || k == testFile {
		if t.modules += size; t.modules > t.limits.Modules {
			return fmt.Errorf("%s: with it the Rego files are larger than %d bytes in all", name, t.limits.Modules)
		}
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
	t.keep(file{path: name, kind: k, content: content.Bytes()})
	return nil
}

func (t *tree) keep(f file) {
	switch f.kind {
	case signatureFile:
		t.signature = &f
	case ignoredFile:
		t.others = append(t.others, f)
	default:
		t.files = append(t.files, f)
	}
}

// all are the files that a signature covers, in the order of their paths.
func (t *tree) all() []file {
	return slices.SortedFunc(slices.Values(slices.Concat(t.files, t.others)), byPath)
}

func byPath(a, b file) int { return cmp.Compare(a.path, b.path) }

// done sorts what was read.
func (t *tree) done() {
	slices.SortFunc(t.files, byPath)
	slices.SortFunc(t.others, byPath)
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

// sum hashes the files that are of use: what the bundle says, however it is signed.
func (t *tree) sum() [sha256.Size]byte {
	return sum(t.files)
}

// whole hashes all that was read: of a signed source, the ignored files and the signature
// too, so that none of them changes unseen.
func (t *tree) whole() [sha256.Size]byte {
	if !t.signed {
		return t.sum()
	}
	files := t.all()
	if t.signature != nil {
		files = append(files, *t.signature)
	}
	return sum(files)
}

// sum hashes files, each as the length of its path, its path, the length of its content,
// its content; lengths are eight octets, the highest first.
func sum(files []file) [sha256.Size]byte {
	h := sha256.New()
	var length [8]byte
	write := func(p []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write(p)
	}
	for _, f := range files {
		write([]byte(f.path))
		write(f.content)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// digest is that of the one tree, or of the digests of several.
func digest(trees []*tree) string {
	if len(trees) == 1 {
		return written(trees[0].whole())
	}
	h := sha256.New()
	for _, t := range trees {
		s := t.whole()
		h.Write(s[:])
	}
	return written([sha256.Size]byte(h.Sum(nil)))
}

// written is a digest as people and machines read it.
func written(sum [sha256.Size]byte) string {
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
