package bundle

import "testing"

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

// TestEntrypoints: a manifest may name each of them, and there is nothing to warn of.
func TestEntrypoints(t *testing.T) {
	manifest := `{"roots": ["a"], "metadata": {"postern": {"entrypoints": {
 "check": "a/b", "route": "a/c", "evaluate": "a/d",
 "search": {"action": "a/e", "subject": "a/f", "resource": "a/g"}}}}}`
	b := load(t, directory(t, files{".manifest": manifest, "a/data.json": `{"k": 1}`}))
	want := Entrypoints{Check: "a/b", Route: "a/c", Evaluate: "a/d", Search: Search{Action: "a/e", Subject: "a/f", Resource: "a/g"}}
	if b.Entrypoints != want || len(b.Warnings) != 0 {
		t.Errorf("entrypoints = %+v, warnings = %q; want %+v", b.Entrypoints, b.Warnings, want)
	}
}
