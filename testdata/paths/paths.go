// Package paths reads the request targets of paths.txt, for the tests of everything that a
// target passes through.
package paths

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

//go:embed paths.txt
var text string

// A Vector is a raw target, and the path that it must be read as: "" where it is refused.
type Vector struct{ Raw, Path string }

// Load reads all vectors, in their order.
func Load() ([]Vector, error) {
	var all []Vector
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		v, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		all = append(all, v)
	}
	return all, nil
}

func parse(line string) (v Vector, err error) {
	var outcome string
	if v.Raw, outcome, err = quoted(line); err != nil || outcome == "refused" {
		return v, err
	}
	path, ok := strings.CutPrefix(outcome, "= ")
	if !ok {
		return v, errors.New("there is no outcome")
	}
	var rest string
	if v.Path, rest, err = quoted(path); err == nil && (v.Path == "" || rest != "") {
		err = errors.New("there is no path")
	}
	return v, err
}

// quoted takes Go strings in a row, each perhaps many times over, from the front of a line.
func quoted(line string) (text, rest string, err error) {
	for strings.HasPrefix(line, `"`) {
		q, err := strconv.QuotedPrefix(line)
		if err != nil {
			return "", "", err
		}
		line = line[len(q):]
		part, err := strconv.Unquote(q)
		if err != nil {
			return "", "", err
		}
		if times, ok := strings.CutPrefix(line, "*"); ok {
			times, _, _ = strings.Cut(times, " ")
			n, err := strconv.Atoi(times)
			if err != nil {
				return "", "", err
			}
			part, line = strings.Repeat(part, n), line[1+len(times):]
		}
		text, line = text+part, strings.TrimPrefix(line, " ")
	}
	return text, line, nil
}
