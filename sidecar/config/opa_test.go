package config

import (
	"strings"
	"testing"
)

func TestOPA(t *testing.T) {
	f := func(change func(*Config), want ...string) {
		t.Helper()
		c := mustLoad(t, "", nil, minimal)
		change(c)
		var got []string
		if err := c.Validate(); err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("Validate:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f(func(c *Config) { c.OPA.DefaultDecision = "/app/main" })
	f(func(c *Config) { c.OPA.DefaultDecision = "app" })
	for _, path := range []string{"", "/", "//", "a//b", "a/", "data/app/main", "a/\n", `a/"b`, "a%2Fb"} {
		f(func(c *Config) { c.OPA.DefaultDecision = path }, "opa.default_decision: "+show(path)+" is no path of a document: want names with slashes, such as system/main")
	}
	f(func(c *Config) { c.OPA.Readable = []string{"model", "postern"} })
	f(func(c *Config) { c.OPA.Readable = []string{"model", "model"} }, `opa.readable[1]: "model" is given twice`)
	f(func(c *Config) { c.OPA.Readable = []string{"app"} }, `opa.readable[0]: "app" can be read anyway; only model and postern are not`)
	f(func(c *Config) { c.OPA.DefaultDecision = "postern/check/decision" }, "opa.default_decision: data.postern cannot be read: opa.readable does not name it")
	f(func(c *Config) {
		c.OPA.DefaultDecision, c.OPA.Readable = "/postern/check/decision", []string{"postern"}
	})
}

func TestOPA_warnings(t *testing.T) {
	c := mustLoad(t, "opa: {default_decision: a/b, readable: [model]}", nil, minimal)
	got := strings.Join(c.Warnings(), "\n")
	for _, key := range []string{"opa.default_decision", "opa.readable"} {
		if !strings.Contains(got, key+": doors.opa is closed; it has no effect") {
			t.Errorf("Warnings do not name %s:\n%s", key, got)
		}
	}
	c.Doors.OPA, c.Clients.Anonymous = true, AnonymousLoopback
	if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, "opa.readable: clients can read all of data.model") {
		t.Errorf("Warnings:\n%s", got)
	}
}

// TestValues: a secret in the wrong place is not shown.
func TestValues(t *testing.T) {
	c := mustLoad(t, "", nil, minimal)
	c.SignInURL = "https://accounts.example.com/in?secret=hunter2"
	all := c.Values()
	if got := all["opa.default_decision"]; got != (Value{"system/main", "default"}) {
		t.Errorf("opa.default_decision = %v", got)
	}
	for key, v := range all {
		if strings.Contains(v.Value, "hunter2") {
			t.Errorf("%s shows a query: %s", key, v.Value)
		}
	}
}
