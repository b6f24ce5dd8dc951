package config

import (
	"reflect"
	"strings"
)

// notYet is what the file can say and this build cannot do. Saying it is a mistake, as
// it would have no effect. A key stands for all that is below it.
var notYet = []struct{ key, what string }{}

// Unsupported lists what c says that this build cannot do yet, each with where it
// stands. [Load] refuses it.
func (c *Config) Unsupported() []string {
	var all []string
	for _, m := range c.unsupported() {
		all = append(all, m.Error())
	}
	return all
}

func (c *Config) unsupported() []mistake {
	normal := map[string]string{}
	for _, k := range Keys() {
		normal[k.Path] = k.Default
	}
	var all []mistake
	walk(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		key := indexes.ReplaceAllString(path, "[]")
		if text(v) == normal[key] {
			return
		}
		for _, n := range notYet {
			if key == n.key || strings.HasPrefix(key, n.key+".") {
				all = append(all, mistake{c.placeOf(path), path, "this build cannot do it yet: " + n.what})
			}
		}
	})
	return all
}
