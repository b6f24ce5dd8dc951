package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// The lines between which a document holds what the bench writes.
const (
	begin = "<!-- bench -->"
	end   = "<!-- /bench -->"
)

// frame is a document that has nothing else.
const frame = `# Speed

` + "`go run ./cmd/bench --write`" + ` measures on loopback, with a load generator in a process of its own, and
writes this page. A wrong answer of any server fails the run.

` + begin + "\n" + end + "\n"

// Write replaces the marked part of a document on disk, and nothing else of it. It makes
// the document where there is none and create says so. A document without exactly one
// marked part is an error, and stays as it is.
func Write(path, text string, create bool) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		old, err = []byte(frame), nil
	}
	if err != nil {
		return err
	}
	replaced, err := replace(string(old), text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(replaced), 0o644)
}

func replace(document, text string) (string, error) {
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
