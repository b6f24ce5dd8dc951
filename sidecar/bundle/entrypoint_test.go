package bundle

import (
	"slices"
	"strings"
	"testing"
)

// The cases are those of the configuration's entrypoints, in the package config.
func TestCheckEntrypoint(t *testing.T) {
	for path, good := range map[string]bool{
		"postern/check/decision": true,
		"a/b":                    true,
		"_a/B-1/c_2":             true,
		"data_/a":                true,
		"":                       false,
		"a":                      false,
		"/a/b":                   false,
		"a/b/":                   false,
		"a//b":                   false,
		"data/a/b":               false,
		"data.a.b":               false,
		"a.b":                    false,
		"a/b.c":                  false,
		"a/1b":                   false,
		"1a/b":                   false,
		"a/-b":                   false,
		"a/b c":                  false,
		"a/b\n":                  false,
		"a/b\x00":                false,
		"a/é":                    false,
		"a/\"b\"":                false,
		"a/../b":                 false,
		"a/b[0]":                 false,
		"a/\xff":                 false,
	} {
		if err := CheckEntrypoint(path); (err == nil) != good {
			t.Errorf("CheckEntrypoint(%q) = %v, want ok %t", path, err, good)
		}
	}
}

// Entrypoints that nothing reads yet are said to have no effect, where they stand.
func TestEntrypoints_unused(t *testing.T) {
	manifest := `{"roots": ["a"], "metadata": {"postern": {"entrypoints": {
 "check": "a/b",
 "route": "a/b", "evaluate": "a/b",
 "search": {"action": "a/b",
  "subject": "a/b", "resource": "a/b"}}}}}`
	b := load(t, directory(t, files{".manifest": manifest, "a/data.json": `{"k": 1}`}))
	want := []string{
		".manifest:3:18: this build does not use the entrypoint evaluate yet; it has no effect",
		".manifest:5:3: this build does not use the entrypoint search.subject yet; it has no effect",
		".manifest:5:21: this build does not use the entrypoint search.resource yet; it has no effect",
		".manifest:4:13: this build does not use the entrypoint search.action yet; it has no effect",
	}
	if !slices.Equal(b.Warnings, want) {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(b.Warnings, "\n"), strings.Join(want, "\n"))
	}
	b = load(t, directory(t, files{".manifest": `{"roots": ["a"], "metadata": {"postern": {"entrypoints": {"check": "a/b", "route": "a/b"}}}}`, "a/data.json": `{"k": 1}`}))
	if len(b.Warnings) != 0 {
		t.Errorf("warnings = %q, want none for the entrypoints check and route", b.Warnings)
	}
}
