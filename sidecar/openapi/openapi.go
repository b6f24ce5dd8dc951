// Package openapi is the published description of the decision listener, in OpenAPI 3.1.
// The text is kept by hand; tests of package server hold it against what the listener
// answers.
package openapi

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// text describes every door, as a listener has them where nothing is configured.
//
//go:embed openapi.json
var text []byte

// Always is the tag of what is answered whatever doors are open: the description.
const Always = "description"

// A Listener is a decision listener as it is configured.
type Listener struct {
	// Doors are those that are open, by their names in the configuration. They are tags of
	// the description's operations.
	Doors []string
	// URL is where callers reach it, empty where that is not known.
	URL string
	// Cookie is the name of the cookie that brings sessions, empty for the usual one.
	Cookie string
	// Identity are the names of the identity headers by the usual ones. One that is not
	// there is not sent.
	Identity map[string]string
}

// Describe is the description of l. Of equal listeners it is equal, byte by byte.
func (l Listener) Describe() ([]byte, error) {
	described, err := edit(text, func(top member) (member, bool, error) {
		var err error
		switch top.name {
		case "tags":
			top.value, err = l.tags(top.value)
		case "paths":
			top.value, err = edit(top.value, l.path)
		case "components":
			top.value, err = edit(top.value, l.component)
		}
		return top, true, err
	})
	if err != nil {
		return nil, fmt.Errorf("describe the listener: %w", err)
	}
	if l.URL == "" {
		return described, nil
	}
	// Paths are put behind it, and begin with a slash.
	servers, err := json.Marshal([]map[string]string{{"url": strings.TrimRight(l.URL, "/")}})
	if err != nil {
		return nil, fmt.Errorf("describe the listener: %w", err)
	}
	return append(append(append(described[:len(described)-1], `,"servers":`...), servers...), '}'), nil
}

// open reports whether a tag is of what is answered.
func (l Listener) open(tag string) bool { return tag == Always || slices.Contains(l.Doors, tag) }

// tags leaves those of closed doors out.
func (l Listener) tags(list jsontext.Value) (jsontext.Value, error) {
	var all, kept []jsontext.Value
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, err
	}
	for _, one := range all {
		var tag struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(one, &tag); err != nil {
			return nil, err
		}
		if l.open(tag.Name) {
			kept = append(kept, one)
		}
	}
	return json.Marshal(kept)
}

// path leaves the operations of closed doors out, and what has no other.
func (l Listener) path(p member) (member, bool, error) {
	operations := 0
	kept, err := edit(p.value, func(m member) (member, bool, error) {
		if !isMethod(m.name) {
			return m, true, nil
		}
		var operation struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(m.value, &operation); err != nil {
			return m, false, err
		}
		if !slices.ContainsFunc(operation.Tags, l.open) {
			return m, false, nil
		}
		operations++
		return m, true, nil
	})
	return member{p.name, kept}, operations > 0, err
}

// isMethod reports whether a member of a path is one of its operations.
func isMethod(name string) bool {
	switch name {
	case "get", "put", "post", "delete", "options", "head", "patch", "trace":
		return true
	}
	return false
}

// component gives what can be configured its name.
func (l Listener) component(c member) (member, bool, error) {
	var err error
	switch c.name {
	case "securitySchemes":
		c.value, err = edit(c.value, l.scheme)
	case "responses":
		c.value, err = edit(c.value, func(response member) (member, bool, error) {
			var err error
			response.value, err = edit(response.value, l.headers)
			return response, true, err
		})
	}
	return c, true, err
}

// scheme gives the session cookie its name.
func (l Listener) scheme(s member) (member, bool, error) {
	if s.name != "sessionCookie" || l.Cookie == "" {
		return s, true, nil
	}
	name, err := json.Marshal(l.Cookie)
	if err != nil {
		return s, false, err
	}
	s.value, err = edit(s.value, func(m member) (member, bool, error) {
		if m.name == "name" {
			m.value = name
		}
		return m, true, nil
	})
	return s, true, err
}

// usual are the identity headers' names where nothing is configured.
var usual = []string{"x-postern-user", "x-postern-session", "x-postern-org", "x-postern-role", "x-postern-permissions"}

// headers gives the identity headers of a response their names.
func (l Listener) headers(m member) (member, bool, error) {
	if m.name != "headers" {
		return m, true, nil
	}
	var err error
	m.value, err = edit(m.value, func(header member) (member, bool, error) {
		if !slices.Contains(usual, header.name) {
			return header, true, nil
		}
		header.name = l.Identity[header.name]
		return header, header.name != "", nil
	})
	return m, true, err
}
