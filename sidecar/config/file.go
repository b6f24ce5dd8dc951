package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// maxFile is the largest configuration file, in bytes.
const maxFile = 1 << 20

// readFile reads the file at path, whole.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read the configuration: %s has more than %d bytes", show(path), maxFile)
	}
	return text, nil
}

// parseFile reads one YAML document into c. It reports whether the file could be read at
// all: if not, what c lacks is unknown.
func parseFile(name string, text []byte, c *Config, r *report) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.add(place{name, 1, 1}, "", "is no YAML that can be read: %s", show(fmt.Sprint(p)))
			ok = false
		}
	}()
	if at, wrong := badText(text); wrong != "" {
		at.name = name
		r.add(at, "", "%s", wrong)
		return false
	}
	root, err := parseDocument(text)
	if err != nil {
		r.add(syntaxPlace(name, err), "", "%s", syntaxText(err))
		return false
	}
	if root == nil {
		return true
	}
	d := &decoder{report: r, file: name, places: c.places}
	if d.plain(root, "") {
		d.object(root, "", reflect.ValueOf(c).Elem())
	}
	return true
}

var errDocuments = errors.New("yaml: more than one document")

// parseDocument returns the one document's root, or nil for an empty file.
func parseDocument(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := dec.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, errDocuments
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" && document.Content[0].Value == "" {
		return nil, nil
	}
	return document.Content[0], nil
}

// badText finds the first octet that YAML does not allow, which the parser reports
// without a place.
func badText(text []byte) (place, string) {
	line, column := 1, 1
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case c == utf8.RuneError && size == 1:
			return place{"", line, column}, "is not UTF-8"
		case c < ' ' && c != '\n' && c != '\r' && c != '\t', c == 0x7f:
			return place{"", line, column}, fmt.Sprintf("has the control character %U", c)
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		text = text[size:]
	}
	return place{}, ""
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxPlace is the line that the parser names, which may lie one off; the first where
// it names none.
func syntaxPlace(name string, err error) place {
	line := 1
	if m := syntaxError.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	return place{name, max(line, 1), 1}
}

func syntaxText(err error) string {
	text := err.Error()
	if m := syntaxError.FindStringSubmatch(text); m != nil {
		text = m[2]
	}
	if quoted := phrase.Quote(text); quoted != `"`+text+`"` {
		text = quoted
	}
	return fmt.Sprintf("is no YAML: %s", text)
}
