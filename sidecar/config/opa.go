package config

import (
	"fmt"
	"slices"
	"strings"
)

// OPA is how the OPA door answers.
type OPA struct {
	// DefaultDecision is the document of POST /, a path below data, as OPA's default_decision.
	DefaultDecision string `key:"default_decision"`
	// Readable are the documents model and postern where they can be asked for: the whole model, and all rules of the library.
	Readable []string `key:"readable"`
	// Session puts the session that comes with the request at input.session, in the place of what the caller says there.
	Session bool `key:"session"`
}

// hidden are the documents that opa.readable can give out.
var hidden = []string{"model", "postern"}

// Hidden returns the names that opa.readable may hold.
func Hidden() []string { return slices.Clone(hidden) }

func (k checker) opa() {
	k.must("opa.default_decision", checkDocument(k.OPA.DefaultDecision))
	k.unique("opa.readable", k.OPA.Readable, func(name string) error {
		if slices.Contains(hidden, name) {
			return nil
		}
		return fmt.Errorf("%s can be read anyway; only %s are not", show(name), strings.Join(hidden, " and "))
	})
	top, _, _ := strings.Cut(strings.TrimPrefix(k.OPA.DefaultDecision, "/"), "/")
	if slices.Contains(hidden, top) && !slices.Contains(k.OPA.Readable, top) {
		k.wrong("opa.default_decision", "data.%s cannot be read: opa.readable does not name it", top)
	}
}

// checkDocument wants the path of a document below data: names with slashes.
func checkDocument(path string) error {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if slices.Contains(names, "") || hasControl(path) || strings.ContainsAny(path, `"%`) || names[0] == "data" {
		return fmt.Errorf("%s is no path of a document: want names with slashes, such as system/main", show(path))
	}
	return nil
}

// warnOPA is about the OPA door.
func (c *Config) warnOPA(warn func(string, string, ...any)) {
	if len(c.OPA.Readable) > 0 && c.Doors.OPA {
		warn("opa.readable", "clients can read all of data.%s", strings.Join(c.OPA.Readable, " and data."))
	}
	for _, key := range []string{"opa.default_decision", "opa.readable", "opa.session"} {
		if _, said := c.places[key]; said && !c.Doors.OPA {
			warn(key, "doors.opa is closed; it has no effect")
		}
	}
}
