// Package secretfile reads the small files that keys, certificates and tokens are in.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Largest is the largest file that is read, in bytes.
const Largest = 1 << 20

// worldReadable is the permission that lets everybody read a file.
const worldReadable = 0o004

// Read reads a regular file, at most [Largest] bytes of it, and reports whether everybody
// on this machine can. It opens without blocking, so that a named pipe in the file's place
// is an error and not a hang. An error names the path.
func Read(path string) (data []byte, exposed bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, false, &os.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	data, err = io.ReadAll(io.LimitReader(f, Largest+1))
	if err != nil {
		return nil, false, err
	}
	if len(data) > Largest {
		return nil, false, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", Largest)}
	}
	return data, info.Mode().Perm()&worldReadable != 0, nil
}
