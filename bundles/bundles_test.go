package bundles_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/bundles"
	"postern/policies"
	"postern/policies/regotest"
)

// embedded are the bundles by the name of their directory.
var embedded = map[string]fs.FS{"demo": bundles.Demo()}

// TestRego holds the Rego of every bundle to OPA's format, to descriptions of what is
// public, and to a strict compilation beside the library, without the tests and with
// them.
func TestRego(t *testing.T) {
	for name, bundle := range embedded {
		t.Run(name, func(t *testing.T) {
			served, all := maps.Clone(policies.Modules()), maps.Clone(policies.Modules())
			err := fs.WalkDir(bundle, ".", func(file string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() || path.Ext(file) != ".rego" {
					return err
				}
				text, err := fs.ReadFile(bundle, file)
				if err != nil {
					return err
				}
				regotest.Formatted(t, file, text)
				module, err := ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
				if err != nil {
					return err
				}
				all["bundle:"+file] = module
				if strings.HasSuffix(file, "_test.rego") {
					return nil
				}
				served["bundle:"+file] = module
				regotest.Described(t, file, module)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(served) == len(policies.Modules()) || len(all) == len(served) {
				t.Fatal("no rules, or no tests of them")
			}
			regotest.Strict(t, served)
			regotest.Strict(t, all)
		})
	}
}

// TestEmbedded finds every directory here among the embedded bundles, with every file.
func TestEmbedded(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		bundle, ok := embedded[entry.Name()]
		if !ok {
			t.Errorf("bundle %s is not embedded", entry.Name())
			continue
		}
		err := fs.WalkDir(os.DirFS(entry.Name()), ".", func(file string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = fs.Stat(bundle, file)
			}
			return err
		})
		if err != nil {
			t.Errorf("bundle %s: %v", entry.Name(), err)
		}
	}
}
