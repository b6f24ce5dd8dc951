package config

import "reflect"

// A Value is the effective value of a key, as text, and where it was set.
type Value struct {
	Value string `json:"value"`
	From  string `json:"from"`
}

// Values are the effective values by the paths of their keys. Secrets are not among them:
// they are named by path alone, and a URL's query is left out.
func (c *Config) Values() map[string]Value {
	all := map[string]Value{}
	walk(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		all[path] = Value{text(v), c.origin(path)}
	})
	return all
}
