package bundle

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"postern/sidecar/model"
	"postern/sidecar/phrase"
)

// readData decodes a data file and puts it where its directory says.
func (p *parser) readData(f file) {
	decode := decodeJSON
	if f.kind == yamlData {
		decode = decodeYAML
	}
	value, err := decode(f.content, p.room)
	if err != nil {
		p.failWith(f, err)
		return
	}
	members, ok := value.(map[string]any)
	if !ok {
		p.fail(f, 1, 1, "the root of a data file must be an object")
		return
	}
	at := directoryOf(f.path)
	if err := permitted(p.manifest.roots, at, members); err != nil {
		p.fail(f, 0, 0, err.Error())
		return
	}
	document := nest(at, members)
	if where, bad := reservedData(document); bad {
		p.failAt(f, where, "data at %s is reserved: a bundle has only %s of it", "postern/extend and postern/log")
		return
	}
	if where, err := insert(p.data, document); err != nil {
		p.conflict(f, where)
	}
}

// failAt keeps a mistake about the data path where; format has verbs for it and more.
func (p *parser) failAt(f file, where []string, format string, args ...any) {
	at := locate([]labelled{{p.tree.label, f}}, []model.Place{{Path: where, Key: true}})[0]
	p.fail(f, at.Line, at.Column, fmt.Sprintf(format, append([]any{phrase.Quote(strings.Join(where, "/"))}, args...)...))
}

// conflict keeps the mistake that f and a file before it both give the data at where.
func (p *parser) conflict(f file, where []string) {
	var before []labelled
	for _, g := range p.tree.files {
		if g.path == f.path {
			break
		}
		if g.kind == jsonData || g.kind == yamlData {
			before = append(before, labelled{p.tree.label, g})
		}
	}
	other := locate(before, []model.Place{{Path: where, Key: true}})[0]
	p.failAt(f, where, "data at %s is given at %s too", other)
}

// directoryOf is the data path of a file: the parts of its directory.
func directoryOf(name string) []string {
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	return strings.Split(dir, "/")
}

// nest wraps members into one object for each part of a path.
func nest(at []string, members map[string]any) map[string]any {
	for _, name := range slices.Backward(at) {
		members = map[string]any{name: members}
	}
	return members
}

// errConflict says that a data path is there already.
var errConflict = errors.New("the data is there already")

// insert merges from into the objects of into. Where both have a value and one is not
// an object, it returns the path and errConflict.
func insert(into, from map[string]any) (where []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		old, there := into[name]
		if !there {
			into[name] = from[name]
			continue
		}
		oldMembers, ok := old.(map[string]any)
		newMembers, also := from[name].(map[string]any)
		if !ok || !also {
			return []string{name}, errConflict
		}
		if where, err := insert(oldMembers, newMembers); err != nil {
			return append([]string{name}, where...), err
		}
	}
	return nil, nil
}

// reservedData finds data that a bundle must not bring: below postern all but extend and
// log, and extend.deny, which is a rule.
func reservedData(document map[string]any) (where []string, bad bool) {
	value, ok := document["postern"]
	if !ok {
		return nil, false
	}
	below, ok := value.(map[string]any)
	if !ok {
		return []string{"postern"}, true
	}
	for _, name := range slices.Sorted(maps.Keys(below)) {
		if name != "extend" && name != "log" {
			return []string{"postern", name}, true
		}
		members, ok := below[name].(map[string]any)
		if !ok {
			return []string{"postern", name}, true
		}
		if _, rule := members["deny"]; rule && name == "extend" {
			return []string{"postern", name, "deny"}, true
		}
	}
	return nil, false
}

// lookup walks data along a path. Blocked is how many parts lead to a value that is not
// an object and yet not the end, or 0.
func lookup(data map[string]any, at []string) (found bool, blocked int) {
	var value any = data
	for i, name := range at {
		members, ok := value.(map[string]any)
		if !ok {
			return false, i
		}
		if value, ok = members[name]; !ok {
			return false, 0
		}
	}
	return true, 0
}
