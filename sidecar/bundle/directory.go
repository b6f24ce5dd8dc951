package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"postern/sidecar/phrase"
)

// dataLink is the link that Kubernetes swaps when it updates a mounted ConfigMap. The
// mount's other links lead through it.
const dataLink = "..data"

// attempts is how often a source is read again because a link in its path was swapped
// meanwhile.
const attempts = 5

// errMoved says that what was read may be a mixture of two versions.
var errMoved = errors.New("its links were swapped again and again while it was read")

// readSource reads a directory or an archive at a local path, through whatever links
// lead to it.
func readSource(ctx context.Context, limits Limits, signed bool, source string) (*tree, error) {
	if source == "" {
		return nil, errors.New("the path is empty")
	}
	for range attempts {
		resolved, err := filepath.EvalSymlinks(source)
		if err != nil {
			return nil, err
		}
		t, err := readResolved(ctx, limits, signed, resolved)
		if again, evalErr := filepath.EvalSymlinks(source); evalErr != nil || again != resolved || errors.Is(err, errMoved) {
			continue
		}
		return t, err
	}
	return nil, errMoved
}

func readResolved(ctx context.Context, limits Limits, signed bool, resolved string) (*tree, error) {
	info, err := os.Lstat(resolved)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readDirectory(ctx, limits, signed, resolved)
	}
	root, err := os.OpenRoot(filepath.Dir(resolved))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := openRegular(root, filepath.Base(resolved))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readArchive(ctx, limits, signed, f)
}

// A walk reads one directory and all below it.
type walk struct {
	ctx  context.Context
	root *os.Root
	tree *tree
	// links holds the target of each ..data link that was followed.
	links map[string]string
}

func readDirectory(ctx context.Context, limits Limits, signed bool, dir string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w := &walk{ctx: ctx, root: root, tree: newTree(limits, signed), links: map[string]string{}}
	err = w.directory(".", "")
	for link, target := range w.links {
		if now, linkErr := root.Readlink(link); linkErr != nil || now != target {
			return nil, errMoved
		}
	}
	if err != nil {
		return nil, err
	}
	w.tree.done()
	return w.tree, nil
}

// directory reads what is in real, a path below the root, as the directory name of the
// bundle. The two differ behind a ..data link.
func (w *walk) directory(real, name string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	real, err := w.follow(real)
	if err != nil {
		return err
	}
	names, err := w.names(real)
	if err != nil {
		return fmt.Errorf("read directory %s: %w", phrase.Quote(real), err)
	}
	for _, base := range names {
		if err := w.entry(path.Join(real, base), path.Join(name, base)); err != nil {
			return err
		}
	}
	return nil
}

// follow returns the directory that holds the files of real: the target of its ..data
// link, if it has one, else real itself. The link can only lead to a directory beside it.
func (w *walk) follow(real string) (string, error) {
	link := path.Join(real, dataLink)
	info, err := w.root.Lstat(link)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() != fs.ModeSymlink {
		return real, nil
	}
	if err != nil {
		return "", err
	}
	target, err := w.root.Readlink(link)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(target, `/\`) || !strings.HasPrefix(target, "..") || target == ".." || target == dataLink {
		return "", fmt.Errorf("%s: leads to %s, not to a directory beside it", phrase.Quote(link), phrase.Quote(target))
	}
	w.links[link] = target
	return path.Join(real, target), nil
}

// names lists a directory, sorted, no further than the limit of files.
func (w *walk) names(real string) ([]string, error) {
	f, err := open(w.root, real, fs.ModeDir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	for {
		batch, err := f.Readdirnames(1024)
		names = append(names, batch...)
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if len(names) > w.tree.limits.Files {
			return nil, fmt.Errorf("more than %d files and directories", w.tree.limits.Files)
		}
	}
}

// entry reads one name of a directory. Hidden ones are neither opened nor followed, but
// for those of a signed source, which the signature must cover.
func (w *walk) entry(real, name string) error {
	if k, err := w.tree.kindOf(name); !w.tree.signed && hidden(path.Base(name)) && err == nil && k == ignoredFile {
		if err := w.tree.enter(name, true); err != nil {
			return err
		}
		w.tree.ignore(name)
		return nil
	}
	info, err := w.root.Lstat(real)
	if err != nil {
		return err
	}
	if err := w.tree.enter(name, info.IsDir()); err != nil {
		return err
	}
	if info.IsDir() {
		return w.directory(real, name)
	}
	f, err := openRegular(w.root, real)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := sizeOf(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return w.tree.take(name, canceledReader{w.ctx, f}, size)
}

func sizeOf(f fs.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func openRegular(root *os.Root, name string) (*os.File, error) {
	return open(root, name, 0)
}

// open opens a name below root that must be of the type wanted, without following a link
// in its last part and without waiting for whoever writes to a FIFO.
func open(root *os.Root, name string, wanted fs.FileMode) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if got := before.Mode().Type(); got != wanted {
		return nil, fmt.Errorf("%s: is %s", phrase.Quote(name), describe(got))
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s: was replaced while it was opened", phrase.Quote(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// describe names the type of a file that is not read.
func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link, and links inside a bundle are not followed"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeDir != 0:
		return "a directory"
	case mode == 0:
		return "a file"
	}
	return "neither a file nor a directory"
}

// readFS reads a file system such as an embedded one.
func readFS(limits Limits, fsys fs.FS) (*tree, error) {
	t := newTree(limits, false)
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case entry.IsDir() && hidden(entry.Name()):
			t.ignore(name)
			return fs.SkipDir
		}
		if err := t.enter(name, entry.IsDir()); err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s: is %s", phrase.Quote(name), describe(entry.Type()))
		}
		return t.takeFS(fsys, name)
	})
	if err != nil {
		return nil, err
	}
	t.done()
	return t, nil
}

func (t *tree) takeFS(fsys fs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := sizeOf(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return t.take(name, f, size)
}
