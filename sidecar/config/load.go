package config

import (
	"reflect"
	"strings"
)

// A given is a setting that somebody gave, with its values as text.
type given struct {
	setting Setting
	place   place
	values  []string
}

// Load reads the file that --config or POSTERN_CONFIG names, then the environment, a
// list of NAME=value, then flags, which may be nil. Each beats what came before it, key
// by key; lists are replaced whole. Paths are relative to the working directory.
//
// Settings of an issuer build the only one, or override the file's where it has exactly
// one. The error joins every mistake, one a line, with where it stands; then there is no
// Config.
func Load(flags *Flags, environ []string) (*Config, error) {
	return layered(flags, environ, false)
}

// LoadPolicy is [Load] for a command that decides without a server. No bundle and no
// issuer is demanded, nor what only verifying needs of an issuer: its name, keys and
// authorized parties. What is given is checked as [Load] checks it.
func LoadPolicy(flags *Flags, environ []string) (*Config, error) {
	return layered(flags, environ, true)
}

// layered reads the layers for [Load] and, with policyOnly, for [LoadPolicy].
func layered(flags *Flags, environ []string, policyOnly bool) (*Config, error) {
	c, r := Default(), &report{}
	env := fromEnvironment(environ, r)
	line := flags.settings()
	if file, ok := lastOf(flagConfig, env, line); ok && !c.load(file, r) {
		// What the file says is unknown, so only what stands elsewhere can be judged.
		Default().apply(env, r)
		Default().apply(line, r)
		return nil, r.err()
	}
	c.apply(env, r)
	c.apply(line, r)
	c.check(r, policyOnly)
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the file and reports whether it could be understood at all.
func (c *Config) load(file given, r *report) bool {
	name := file.values[0]
	if err := checkPath(name); err != nil {
		r.add(file.place, "", "%v", err)
		return false
	}
	text, err := readFile(name)
	if err != nil {
		r.add(file.place, "", "%v", err)
		return false
	}
	return parseFile(name, text, c, r)
}

// settings lists the flags that were given.
func (f *Flags) settings() []given {
	if f == nil {
		return nil
	}
	var all []given
	for _, s := range Settings() {
		if values := f.given[s.Flag]; len(values) > 0 {
			all = append(all, given{setting: s, place: place{name: "--" + s.Flag}, values: values})
		}
	}
	return all
}

// lastOf finds a setting in the last layer that has it.
func lastOf(flag string, layers ...[]given) (given, bool) {
	var found given
	ok := false
	for _, layer := range layers {
		for _, g := range layer {
			if g.setting.Flag == flag {
				found, ok = g, true
			}
		}
	}
	return found, ok
}

// apply sets what one layer gives.
func (c *Config) apply(layer []given, r *report) {
	var ofIssuer []given
	for _, g := range layer {
		switch {
		case g.setting.Flag == flagConfig:
		case strings.HasPrefix(g.setting.Key, issuerKeys):
			ofIssuer = append(ofIssuer, g)
		default:
			c.set(g, g.setting.Key, find(reflect.ValueOf(c).Elem(), g.setting.Key), r)
		}
	}
	c.applyIssuer(ofIssuer, r)
}

// applyIssuer sets what one layer gives for the one issuer.
func (c *Config) applyIssuer(layer []given, r *report) {
	if len(layer) == 0 {
		return
	}
	list := &c.Issuers.List
	if name := layer[0]; name.setting.Flag == flagIssuer && name.values[0] == None {
		c.applyNone(layer, r)
		return
	}
	if len(*list) > 1 {
		for _, g := range layer {
			r.add(g.place, "", "the file names %d issuers: say it there", len(*list))
		}
		return
	}
	c.Issuers.None = false
	if len(*list) == 0 {
		*list = []Issuer{DefaultIssuer()}
		c.places["issuers"] = layer[0].place
		c.places["issuers[0]"] = layer[0].place
	}
	issuer := &(*list)[0]
	c.replaceKeys(layer, issuer)
	for _, g := range layer {
		member := strings.TrimPrefix(g.setting.Key, issuerKeys)
		c.set(g, join("issuers[0]", member), find(reflect.ValueOf(issuer).Elem(), member), r)
	}
}

// applyNone follows --issuer none, which leaves room for nothing else about issuers.
func (c *Config) applyNone(layer []given, r *report) {
	if len(c.Issuers.List) > 0 {
		r.add(layer[0].place, "issuers", "%s contradicts the issuer that is set by %s", None, c.places["issuers"])
		return
	}
	for _, g := range layer[1:] {
		r.add(g.place, "", "means nothing beside %s %s", layer[0].place, None)
	}
	c.Issuers.None = true
	c.places["issuers"] = layer[0].place
}

// replaceKeys lets a layer that names one source of keys replace a lower layer's other
// one. Both in one layer stay, and are a mistake.
func (c *Config) replaceKeys(layer []given, issuer *Issuer) {
	_, jwks := lastOf("jwks", layer)
	_, pem := lastOf("public-key", layer)
	if jwks && !pem {
		issuer.PublicKey = ""
		delete(c.places, "issuers[0].public_key")
	}
	if pem && !jwks {
		issuer.JWKS = ""
		delete(c.places, "issuers[0].jwks")
	}
}

// set reads a setting's text into the value at path.
func (c *Config) set(g given, path string, v reflect.Value, r *report) {
	c.forget(path)
	c.places[path] = g.place
	for _, text := range g.values {
		if _, err := parseText(text); err != nil {
			r.add(g.place, path, "%v", err)
			return
		}
	}
	if t, ok := v.Addr().Interface().(textReader); ok {
		if err := t.readText(g.values); err != nil {
			r.add(g.place, path, "%v", err)
			return
		}
		walk(v, path, func(leaf string, said reflect.Value) {
			if !said.IsZero() {
				c.places[leaf] = g.place
			}
		})
		return
	}
	value, err := scalars[v.Type()].parse(g.values[0])
	if err != nil {
		r.add(g.place, path, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(value))
}

// forget drops the places of a value and of all that was below it, which a setting
// replaces.
func (c *Config) forget(path string) {
	for at := range c.places {
		if at == path || below(at, path) {
			delete(c.places, at)
		}
	}
}
