// Package policies holds Postern's Rego library, package postern.*, as it is compiled
// into every policy. The rules are the product; their tests stand beside them.
package policies

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

//go:embed postern
var files embed.FS

// Modules returns the library's modules by path, parsed with their annotations and
// without the tests. The map and the modules are shared: callers must not change them.
var Modules = sync.OnceValue(func() map[string]*ast.Module {
	modules, err := Parse(func(path string) bool { return !strings.HasSuffix(path, "_test.rego") })
	if err != nil {
		panic("BUG: the embedded library does not parse: " + err.Error())
	}
	return modules
})

// Schemas are what METADATA schemas may name: schema.input, the input of Postern's
// entrypoints as a JSON schema. The set is shared: callers must not change it.
var Schemas = sync.OnceValue(func() *ast.SchemaSet {
	text, err := files.ReadFile("postern/schema/input.json")
	if err != nil {
		panic("BUG: the schema is not embedded: " + err.Error())
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		panic("BUG: the embedded schema is no JSON: " + err.Error())
	}
	set := ast.NewSchemaSet()
	set.Put(ast.MustParseRef("schema.input"), schema)
	return set
})

// Parse reads the embedded modules whose path keep accepts.
func Parse(keep func(path string) bool) (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".rego") || !keep(path) {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		module, err := ast.ParseModuleWithOpts(path, string(text), ast.ParserOptions{
			ProcessAnnotation: true,
			RegoVersion:       ast.RegoV1,
		})
		if err != nil {
			return fmt.Errorf("parse %s: %w", path, err)
		}
		modules[path] = module
		return nil
	})
	return modules, err
}
