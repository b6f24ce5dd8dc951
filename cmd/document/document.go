// Package document writes what a program found into the documents of the repository.
package document

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Write replaces the part of a document on disk between the lines <!-- name --> and
// <!-- /name -->, and nothing else of it. Where there is no document, it makes one of the
// frame, unless that is empty. A document without exactly one such part is an error, and
// stays as it is.
func Write(path, name, text, frame string) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && frame != "" {
		old, err = []byte(frame), nil
	}
	if err != nil {
		return err
	}
	replaced, err := replace(string(old), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(replaced), 0o644)
}

func replace(document, name, text string) (string, error) {
	begin, end := "<!-- "+name+" -->", "<!-- /"+name+" -->"
	if strings.Count(document, begin) != 1 || strings.Count(document, end) != 1 {
		return "", fmt.Errorf("want %s and %s once each", begin, end)
	}
	before, rest, _ := strings.Cut(document, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("%s stands before %s", end, begin)
	}
	return before + begin + "\n" + strings.TrimRight(text, "\n") + "\n" + end + after, nil
}
