package bundle

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"postern/sidecar/model"
)

// Positions are found when something is wrong, by reading the files again: data that is
// right, which is nearly all of it, need not remember where it came from.

// A labelled file is one with the label of its tree.
type labelled struct {
	label string
	file  file
}

// A memberPosition is where a member or element below the root of one file stands. Depth
// is how many parts of its path the file spells out; the position is that of the last of
// them.
type memberPosition struct {
	line, column, depth int
}

// locator finds places of the document at a data path in the files of all parts.
func locator(parts []*part, at ...string) model.Locator {
	return func(places []model.Place) []model.Position {
		var files []labelled
		for _, p := range parts {
			for _, f := range p.tree.files {
				if f.kind == jsonData || f.kind == yamlData {
					files = append(files, labelled{p.tree.label, f})
				}
			}
		}
		absolute := make([]model.Place, len(places))
		for i, p := range places {
			absolute[i] = model.Place{Path: slices.Concat(at, p.Path), Key: p.Key}
		}
		return locate(files, absolute)
	}
}

// locate finds each data path in the file that spells out most of it.
func locate(files []labelled, places []model.Place) []model.Position {
	found := make([]model.Position, len(places))
	depths := make([]int, len(places))
	for _, l := range files {
		dir := directoryOf(l.file.path)
		var inside []model.Place
		var index []int
		for i, p := range places {
			if len(p.Path) >= len(dir) && slices.Equal(p.Path[:len(dir)], dir) {
				inside = append(inside, model.Place{Path: p.Path[len(dir):], Key: p.Key})
				index = append(index, i)
			}
		}
		if len(inside) == 0 {
			continue
		}
		for j, at := range positions(l.file, inside) {
			i := index[j]
			if depth := len(dir) + at.depth; found[i].File == "" || depth > depths[i] {
				depths[i] = depth
				found[i] = model.Position{File: l.label + l.file.path, Line: at.line, Column: at.column}
			}
		}
	}
	return found
}

func positions(f file, places []model.Place) []memberPosition {
	if f.kind == jsonData {
		return positionsJSON(f.content, places)
	}
	return positionsYAML(f.content, places)
}

func positionsYAML(content []byte, places []model.Place) []memberPosition {
	found := make([]memberPosition, len(places))
	document, err := parseYAML(content)
	for i, p := range places {
		found[i] = memberPosition{line: 1, column: 1}
		if err == nil {
			found[i] = positionYAML(document, p)
		}
	}
	return found
}

// positionYAML walks down from a node as far as the path goes.
func positionYAML(n *yaml.Node, p model.Place) memberPosition {
	at := memberPosition{line: n.Line, column: n.Column}
	for depth, name := range p.Path {
		key, value := memberYAML(n, name)
		if value == nil {
			break
		}
		n = value
		at = memberPosition{value.Line, value.Column, depth + 1}
		if key != nil && p.Key {
			at.line, at.column = key.Line, key.Column
		}
	}
	return at
}

func memberYAML(n *yaml.Node, name string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return nil, n.Content[i]
		}
	}
	return nil, nil
}

// A wanted is a part of the paths that are looked for: the places that end in it, by
// their index, those that pass it or end in it, and the parts below.
type wanted struct {
	below map[string]*wanted
	pass  []int
}

func (w *wanted) add(path []string, index int) {
	for _, name := range path {
		if w.below == nil {
			w.below = map[string]*wanted{}
		}
		next := w.below[name]
		if next == nil {
			next = &wanted{}
			w.below[name] = next
		}
		next.pass = append(next.pass, index)
		w = next
	}
}

// positionsJSON finds all places in one pass, which skips whatever leads to none.
func positionsJSON(content []byte, places []model.Place) []memberPosition {
	dec := jsontext.NewDecoder(bytes.NewBuffer(content), jsontext.AllowDuplicateNames(true))
	s := &scanner{dec: dec, content: content, places: places}
	s.offsets = make([]int64, len(places))
	s.depths = make([]int, len(places))
	root := &wanted{}
	for i, p := range places {
		root.add(p.Path, i)
	}
	// The content was read before, so a fault here is none; what was found stands.
	_ = s.value(root, 0)
	found := make([]memberPosition, len(places))
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(s.offsets[i], s.offsets[j]) })
	// Each is counted on from the one before: the whole model may be one line.
	line, column, from := 1, 1, int64(0)
	for _, i := range order {
		between := content[from:s.offsets[i]]
		if begin := bytes.LastIndexByte(between, '\n'); begin >= 0 {
			line, column = line+bytes.Count(between, []byte{'\n'}), 1
			between = between[begin+1:]
		}
		column += utf8.RuneCount(between)
		from = s.offsets[i]
		found[i] = memberPosition{line, column, s.depths[i]}
	}
	return found
}

type scanner struct {
	dec     *jsontext.Decoder
	content []byte
	places  []model.Place
	offsets []int64
	depths  []int
}

// value reads the next value, which w's paths lead to.
func (s *scanner) value(w *wanted, depth int) error {
	kind := s.dec.PeekKind()
	if w == nil || w.below == nil || kind != '{' && kind != '[' {
		return s.dec.SkipValue()
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		switch s.dec.PeekKind() {
		case '}', ']', 0:
			_, err := s.dec.ReadToken()
			return err
		}
		keyAt, name := s.next(), strconv.Itoa(i)
		if kind == '{' {
			token, err := s.dec.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
			s.dec.PeekKind()
		}
		next := w.below[name]
		if next != nil {
			s.found(next, keyAt, s.next(), depth+1)
		}
		if err := s.value(next, depth+1); err != nil {
			return err
		}
	}
}

// found notes a member for every place that ends in it or passes it.
func (s *scanner) found(w *wanted, key, value int64, depth int) {
	for _, i := range w.pass {
		s.depths[i], s.offsets[i] = depth, value
		if s.places[i].Key {
			s.offsets[i] = key
		}
	}
}

// next is the offset at which the next token begins.
func (s *scanner) next() int64 {
	at := s.dec.InputOffset()
	for at < int64(len(s.content)) && bytes.IndexByte([]byte(" \t\r\n,:"), s.content[at]) >= 0 {
		at++
	}
	return at
}
