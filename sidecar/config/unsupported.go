package config

import (
	"reflect"
	"strings"
)

// notYet is what the file can say and this build cannot do. Saying it is a mistake, as
// it would have no effect. A key stands for all that is below it.
var notYet = []struct{ key, what string }{
	{"bundles[].url", "bundles from a URL"},
	{"doors.authzen", "the AuthZEN door"},
	{"doors.opa", "the OPA door"},
}

// idle is what can be said and nothing in this build reads. Saying it is no mistake, as
// what deploys several versions says it to all of them; it is warned of.
var idle = []struct{ key, what string }{
	{"public_url", "metadata that would state it"},
}

// warnIdle warns of what was said and has no effect.
func (c *Config) warnIdle(warn func(string, string, ...any)) {
	for _, i := range idle {
		if _, said := c.places[i.key]; said && !find(reflect.ValueOf(c).Elem(), i.key).IsZero() {
			warn(i.key, "this build has no %s yet; it has no effect", i.what)
		}
	}
}

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
	walk(reflect.ValueOf(Default()).Elem(), "", func(path string, v reflect.Value) { normal[path] = text(v) })
	var all []mistake
	walk(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		if text(v) == normal[path] {
			return
		}
		key := indexes.ReplaceAllString(path, "[]")
		for _, n := range notYet {
			if key == n.key || strings.HasPrefix(key, n.key+".") {
				all = append(all, mistake{c.placeOf(path), path, "this build cannot do it yet: " + n.what})
			}
		}
	})
	return all
}
