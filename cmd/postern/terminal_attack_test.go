package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
)

// TestBundle_terminal: nothing in a bundle of unknown origin gives orders to the terminal on
// which somebody looks into it, or turns what is read there around.
func TestBundle_terminal(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, files := range map[string]map[string]string{
		"a package beyond the roots": {".manifest": `{"revision": "1", "roots": ["x"]}`, "a.rego": "package a[\"EVIL\"]\n"},
		"a reserved package":         {"a.rego": "package postern[\"EVIL\"]\n"},
		"a package of tests":         {"a_test.rego": "package a[\"EVIL\"]\n"},
		"a package":                  {"a.rego": "package a[\"EVIL\"]\n\nx := 1\n"},
		"a function":                 {"a.rego": "package a\n\nx := data.b[\"EVIL\"](1)\n"},
		"a recursion":                {"a.rego": "package a\n\nx[\"EVIL\"] := x[\"EVIL\"]\n"},
		"a name":                     {"aEVIL.rego": "package a\n"},
		"a revision":                 {".manifest": `{"revision": "EVIL"}`, "a.rego": "package a\n"},
		"a role":                     {"model/data.json": `{"roles": {"EVIL": {"includes": ["EVIL"]}}}`},
	} {
		for _, order := range []string{`\u001b[2J`, `\u009b2J`, `\u202e`} {
			named := map[string]string{}
			for path, text := range files {
				text = strings.ReplaceAll(text, "EVIL", order)
				named[strings.ReplaceAll(path, "EVIL", "\u202e")] = text
			}
			writeArchive(t, "b.tar.gz", named)
			for _, line := range []string{"bundle inspect", "bundle inspect --format json", "validate", "test", "bundle build -o o.tar.gz", "types"} {
				var out, errs bytes.Buffer
				execute(t.Context(), append(strings.Fields(line), "b.tar.gz"), strings.NewReader(""), &out, &errs)
				for _, text := range []string{out.String(), errs.String()} {
					if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
						t.Errorf("%s: postern %s prints %q", name, line, text)
					}
				}
			}
		}
	}
}

// writeArchive writes a .tar.gz.
func writeArchive(t *testing.T, path string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for name, text := range files {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(tw, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
