package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Labels are names, chosen by whoever writes the file, with their values.
type Labels map[string]string

// Bounds of labels: each record that is uploaded has all of them.
const (
	mostLabels    = 32
	longestLabels = int(KiB) // of all names and values together
)

// ownLabels are those by which a server of decision logs knows who sends.
var ownLabels = []string{"app", "id", "version"}

func (l *Labels) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "want a mapping of names to texts, not %s", kind(n))
		return
	}
	all := Labels{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || !d.plain(key, path) || key.ShortTag() != "!!str" {
			d.wrong(key, path, "a name must be text: put it in quotes")
			continue
		}
		at := join(path, safeKey(key.Value))
		if _, twice := all[key.Value]; twice {
			d.wrong(key, at, "is given twice")
			continue
		}
		text := ""
		d.value(value, at, reflect.ValueOf(&text).Elem())
		all[key.Value] = text
	}
	*l = all
}

func (l *Labels) walk(path string, visit visitor) {
	if len(*l) == 0 {
		visit(path, reflect.ValueOf(""))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(*l)) {
		visit(join(path, safeKey(name)), reflect.ValueOf((*l)[name]))
	}
}

// labels checks what is added to each record that is uploaded.
func (k checker) labels(path string, all Labels) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, at := all[name], join(path, safeKey(name))
		size += len(name) + len(value)
		switch {
		case k.blames(at):
		case slices.Contains(ownLabels, name):
			k.wrong(at, "is Postern's own: %s are", strings.Join(ownLabels, ", "))
		case name == "" || hasControl(name):
			k.wrong(at, "a name has control characters, or nothing")
		case looksSecret(name) || looksSecret(value):
			k.wrong(at, "is a secret or a key: labels are for everybody who reads the log")
		case value == "" || hasControl(value):
			k.wrong(at, "has control characters, or nothing")
		}
	}
	if len(all) > mostLabels || size > longestLabels {
		k.wrong(path, "are %d with %d bytes: at most %d with %d bytes go with each record", len(all), size, mostLabels, longestLabels)
	}
}
