package token

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"postern/sidecar/secretfile"
)

// readKeyFile reads a regular file of bounded size.
func readKeyFile(path string) ([]byte, error) {
	data, _, err := secretfile.Read(path)
	if err != nil {
		return nil, cause(err)
	}
	return data, nil
}

// readBounded reads all of r, or says that it is too much.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeySetBytes+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(data) > maxKeySetBytes {
		return nil, fmt.Errorf("more than %d bytes", maxKeySetBytes)
	}
	return data, nil
}

// cause is err without the path, which the caller names.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	return err
}
