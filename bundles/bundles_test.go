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

// directories are the bundles here, by name.
func directories(t *testing.T) map[string]fs.FS {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]fs.FS{}
	for _, entry := range entries {
		if entry.IsDir() {
			all[entry.Name()] = os.DirFS(entry.Name())
		}
	}
	return all
}

// TestRego holds the Rego of every bundle to OPA's format, to descriptions of what is
// public, and to a strict compilation beside the library, without the tests and with
// them.
func TestRego(t *testing.T) {
	for name, bundle := range directories(t) {
		t.Run(name, func(t *testing.T) {
			served, all := maps.Clone(policies.Modules()), maps.Clone(policies.Modules())
			own := map[string]*ast.Module{}
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
				own[file] = module
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) == len(served) {
				t.Fatal("no tests")
			}
			regotest.Described(t, own)
			regotest.Strict(t, served)
			regotest.Strict(t, all)
		})
	}
}

// TestDocumented: every bundle explains itself.
func TestDocumented(t *testing.T) {
	for name, bundle := range directories(t) {
		if text, err := fs.ReadFile(bundle, "README.md"); err != nil || len(text) < 500 {
			t.Errorf("bundle %s: a README of %d bytes, %v", name, len(text), err)
		}
	}
}

// TestEmbedded compares the embedded demo with its directory.
func TestEmbedded(t *testing.T) {
	found := 0
	err := fs.WalkDir(os.DirFS("demo"), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		want, err := os.ReadFile(path.Join("demo", file))
		if err != nil {
			return err
		}
		if got, err := fs.ReadFile(bundles.Demo(), file); err != nil || string(got) != string(want) {
			t.Errorf("%s is embedded with another content, %v", file, err)
		}
		return nil
	})
	if err != nil || found < 4 {
		t.Errorf("%d files, %v", found, err)
	}
}
