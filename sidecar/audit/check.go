package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Check says what [Open] would fail for, and makes, writes and asks nothing.
func Check(o Options) error {
	var err error
	switch {
	case o.To == "" || o.To == "none" || o.To == "stdout" || o.To == "stderr":
	case isURL(o.To):
		_, err = newUploader(o, &counts{})
	default:
		err = writable(o.To)
	}
	if err != nil {
		return fmt.Errorf("decision log: %w", err)
	}
	return nil
}

// writable reports why a file cannot be appended to, or made.
func writable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return access(filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	default:
		return access(path)
	}
}

// access asks whether this process may write, W_OK of access(2): on a file system that is
// mounted read-only nobody may, whatever the mode says.
func access(path string) error {
	const write = 2
	if err := syscall.Access(path, write); err != nil {
		return &fs.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}
