package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// anyParty is the word that accepts every authorized party.
const anyParty = "any"

// A decoder reads YAML nodes into a Config, strictly, and notes where each key stands.
type decoder struct {
	*report
	file   string
	places map[string]place
}

// A nodeReader is a type whose form in the file its Go type does not tell.
type nodeReader interface {
	read(d *decoder, n *yaml.Node, path string)
}

func (d *decoder) at(n *yaml.Node) place { return place{d.file, n.Line, n.Column} }

// wrong notes a mistake at a node.
func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) {
	d.add(d.at(n), path, format, args...)
}

// value reads n into v, which holds its default.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	d.places[path] = d.at(n)
	if !d.plain(n, path) {
		return
	}
	if r, ok := v.Addr().Interface().(nodeReader); ok {
		r.read(d, n, path)
		return
	}
	if s, ok := scalars[v.Type()]; ok {
		d.scalar(n, path, v, s)
		return
	}
	if v.Kind() == reflect.Slice {
		d.list(n, path, v)
		return
	}
	d.object(n, path, v)
}

// plain refuses what makes a file say more than can be read off it.
func (d *decoder) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.wrong(n, path, "anchors and aliases are not supported: write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		d.wrong(n, path, "tags such as %s are not supported", show(n.Tag))
	case n.ShortTag() == "!!null":
		d.wrong(n, path, "has no value: leave the key out, or give it one")
	default:
		return true
	}
	return false
}

func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value, s scalar) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, path, "want %s, not %s", s.want, kind(n))
		return
	}
	if !slices.Contains(s.tags, n.ShortTag()) {
		hint := ""
		if s.want == "text" {
			hint = ": put it in quotes"
		}
		d.wrong(n, path, "want %s, %s is %s%s", s.want, show(n.Value), kind(n), hint)
		return
	}
	value, err := s.parse(n.Value)
	if err != nil {
		d.wrong(n, path, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(value))
}

// list reads a sequence of scalars or of objects.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	d.listOf(n, path, v, reflect.Zero(v.Type().Elem()))
}

// listOf is list for elements that have defaults.
func (d *decoder) listOf(n *yaml.Node, path string, v, defaults reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "want a list, not %s", kind(n))
		return
	}
	all := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		all.Index(i).Set(defaults)
		d.value(item, index(path, i), all.Index(i))
	}
	v.Set(all)
}

// object reads a mapping into the fields of v. Every key must be one of them, once.
func (d *decoder) object(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "want a mapping, not %s", kind(n))
		return
	}
	fields, seen := members(v), map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
			d.wrong(key, path, "a key must be a plain name")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.wrong(key, join(path, safeKey(key.Value)), "is given twice, first in line %d", first.Line)
			continue
		}
		seen[key.Value] = key
		at := slices.IndexFunc(fields, func(m member) bool { return m.key == key.Value })
		if at < 0 {
			d.unknown(key, path, fields)
			continue
		}
		d.value(value, join(path, key.Value), fields[at].value)
	}
}

// unknown notes a key that does not exist, with what may have been meant: a name near
// to it at this place, or the same name at another.
func (d *decoder) unknown(key *yaml.Node, path string, fields []member) {
	var names []string
	for _, m := range fields {
		names = append(names, m.key)
	}
	near := phrase.Suggest(key.Value, names)
	if near != "" {
		d.misspelt = append(d.misspelt, join(path, near))
	} else {
		near = elsewhere(key.Value)
	}
	d.wrong(key, join(path, safeKey(key.Value)), "unknown key%s", phrase.DidYouMean(near))
}

// elsewhere returns the first key of that name at another place, or "".
func elsewhere(name string) string {
	for _, k := range Keys() {
		if strings.HasSuffix(k.Path, "."+name) {
			return k.Path
		}
	}
	return ""
}

// safeKey makes a key of the file fit for a message.
func safeKey(key string) string {
	shown := show(key)
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) || shown != `"`+key+`"` {
		return shown
	}
	return key
}

// kind names what a node is, for messages.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!str":
		return "text"
	}
	return fmt.Sprintf("a %s", show(n.ShortTag()))
}
