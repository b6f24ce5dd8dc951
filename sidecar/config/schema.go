package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// A member is a field of a struct that has a key.
type member struct {
	key   string
	value reflect.Value
}

// members lists the fields of a struct that have keys, in order.
func members(v reflect.Value) []member {
	var all []member
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("key"); key != "" {
			all = append(all, member{key, v.Field(i)})
		}
	}
	return all
}

// find returns the field that a key path without indexes names.
func find(v reflect.Value, path string) reflect.Value {
	for key := range strings.SplitSeq(path, ".") {
		found := reflect.Value{}
		for _, m := range members(v) {
			if m.key == key {
				found = m.value
			}
		}
		if !found.IsValid() {
			panic("BUG: no key " + path)
		}
		v = found
	}
	return v
}

// A visitor is shown every value with the path of its key, such as issuers[0].jwks.
type visitor func(path string, value reflect.Value)

// walk shows visit every scalar and every list of names in v.
func walk(v reflect.Value, path string, visit visitor) {
	if w, ok := v.Addr().Interface().(interface{ walk(string, visitor) }); ok {
		w.walk(path, visit)
		return
	}
	if _, ok := scalars[v.Type()]; ok || v.Kind() != reflect.Struct {
		visit(path, v)
		return
	}
	for _, m := range members(v) {
		walk(m.value, join(path, m.key), visit)
	}
}

func (i *Issuers) walk(path string, visit visitor) {
	if i.None {
		visit(path, reflect.ValueOf(None))
		return
	}
	for n := range i.List {
		walk(reflect.ValueOf(&i.List[n]).Elem(), index(path, n), visit)
	}
}

func (p *Parties) walk(path string, visit visitor) {
	if p.Any {
		visit(path, reflect.ValueOf(anyParty))
		return
	}
	visit(path, reflect.ValueOf(p.Origins))
}

func (c *Claims) walk(path string, visit visitor) {
	if c.Profile != ClaimsMapping {
		visit(path, reflect.ValueOf(c.Profile))
		return
	}
	walk(reflect.ValueOf(&c.Mapping).Elem(), path, visit)
}

// text writes a value as it would be said in a setting; what must not be seen is left
// out.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = text(v.Index(i))
		}
		return strings.Join(parts, ",")
	}
	if level, ok := v.Interface().(slog.Level); ok {
		return strings.ToLower(level.String())
	}
	if v.Kind() == reflect.String && looksSecret(v.String()) {
		return "…"
	}
	if v.Kind() == reflect.String {
		return redact(v.String())
	}
	return fmt.Sprint(v.Interface())
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, n int) string { return path + "[" + strconv.Itoa(n) + "]" }

var indexes = regexp.MustCompile(`\[\d+\]`)

// A Key is one key of the file: its path, lists as issuers[].jwks, and its default as
// text, "" for none.
type Key struct{ Path, Default string }

// Keys returns every key of the file, in the order of [Config].
func Keys() []Key {
	c := Default()
	one := DefaultBundle()
	one.Signers = Signers{DefaultSigner()}
	c.Bundles, c.Shadow.Bundles = Bundles{one}, Bundles{one}
	c.Issuers.List = []Issuer{DefaultIssuer()}
	var keys []Key
	walk(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		keys = append(keys, Key{indexes.ReplaceAllString(path, "[]"), text(v)})
	})
	return keys
}
