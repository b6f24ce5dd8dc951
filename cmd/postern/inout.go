package main

import (
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/phrase"
)

// maxArgument bounds what is read from a file or standard input, in bytes.
const maxArgument = 1 << 20

// argument is the argument itself, or standard input for -.
func argument(in io.Reader, arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	return read("standard input", in)
}

// file is a file's content, or standard input for -.
func file(in io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return read("standard input", in)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(path, f)
}

func read(name string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxArgument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > maxArgument {
		return nil, fmt.Errorf("read %s: longer than %d bytes", name, maxArgument)
	}
	return text, nil
}

// A terminal is where people read errors. What they quote may be of unknown origin, and
// gives the terminal no orders.
type terminal struct{ w io.Writer }

func (t terminal) Write(p []byte) (int, error) {
	if _, err := io.WriteString(t.w, phrase.Visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printJSON prints a value and a line end.
func printJSON(out io.Writer, value any) error {
	text, err := json.Marshal(value, jsontext.Multiline(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, phrase.Visible(string(text))+"\n")
	return err
}

// An errWriter keeps the first error of many prints.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(p)
	e.err = err
	return n, err
}

func (e *errWriter) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}
