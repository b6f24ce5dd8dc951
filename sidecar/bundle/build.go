package bundle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// A Building is how sources become one archive.
type Building struct {
	// Revision of the archive; empty, it is that of the one source, and several have none.
	Revision string
	// Roots of the archive; nil, they are those of the sources.
	Roots []string
	// Tests says that files named _test.rego are taken along.
	Tests bool
}

// Build reads and checks sources as [LoadSources] does and writes what they say into one
// archive, as OPA writes it: one data.json, the modules as they are, and a manifest. The
// same sources give the same bytes. The archive is read again before it is returned.
func Build(ctx context.Context, limits Limits, sources []Source, how Building) ([]byte, error) {
	trees, err := readAll(ctx, limits, sources)
	if err != nil {
		return nil, err
	}
	if err := verifyAll(trees, sources); err != nil {
		return nil, err
	}
	parts, err := parseAll(ctx, limits, trees)
	if err != nil {
		return nil, err
	}
	b, err := combine(parts, digest(trees))
	if err != nil {
		return nil, err
	}
	built := opa.Bundle{Data: b.Data}
	if built.Manifest, err = how.manifest(parts); err != nil {
		return nil, err
	}
	if built.Modules, err = how.modules(parts); err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	if err := opa.NewWriter(&archive).UseModulePath(true).DisableFormat(true).Write(built); err != nil {
		return nil, err
	}
	again, err := LoadSources(ctx, limits, []Source{{Name: "what was built", Archive: archive.Bytes()}})
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(again.Data, b.Data) || len(again.Modules) != len(b.Modules) || again.Entrypoints != b.Entrypoints {
		return nil, errors.New("what was built is not what the sources say")
	}
	return archive.Bytes(), nil
}

// manifest is that of the archive.
func (how Building) manifest(parts []*part) (opa.Manifest, error) {
	m := opa.Manifest{Revision: how.Revision, Metadata: map[string]any{}}
	roots := []string{}
	for _, p := range parts {
		if how.Revision == "" && len(parts) == 1 && !p.derived {
			m.Revision = p.manifest.revision
		}
		roots = append(roots, p.manifest.roots...)
		if where, err := insert(m.Metadata, copyOf(p.manifest.metadata)); err != nil {
			return m, fmt.Errorf("%s: metadata %s is in another source too", p.tree.label+manifestName, list(where))
		}
	}
	if how.Roots != nil {
		roots = how.Roots
	}
	slices.Sort(roots)
	m.Roots = &roots
	m.SetRegoVersion(ast.RegoV1)
	return m, nil
}

// modules are those of all parts, by their paths within their sources.
func (how Building) modules(parts []*part) ([]opa.ModuleFile, error) {
	from := map[string]*part{}
	var modules []opa.ModuleFile
	for _, p := range parts {
		for _, f := range p.tree.files {
			parsed := p.modules[p.tree.label+f.path]
			if f.kind == testFile && how.Tests {
				parsed = p.tests[p.tree.label+f.path]
			}
			if parsed == nil {
				continue
			}
			if q := from[f.path]; q != nil {
				return nil, fmt.Errorf("%s: is in %s and in %s: name one of them otherwise", f.path, q.name(), p.name())
			}
			from[f.path] = p
			modules = append(modules, opa.ModuleFile{URL: f.path, Path: f.path, Raw: f.content, Parsed: parsed})
		}
	}
	slices.SortFunc(modules, func(a, b opa.ModuleFile) int { return cmp.Compare(a.Path, b.Path) })
	return modules, nil
}

// copyOf is a copy of nested objects, which may be merged into.
func copyOf(members map[string]any) map[string]any {
	c := maps.Clone(members)
	for name, value := range c {
		if below, ok := value.(map[string]any); ok {
			c[name] = copyOf(below)
		}
	}
	return c
}
