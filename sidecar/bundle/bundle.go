// Package bundle reads OPA bundles, from a directory, a .tar.gz archive or an embedded
// file system, and checks all that can be checked before they are compiled. OPA's own
// readers accept an archive with a bad checksum, links, duplicates and `..`, allocate
// what a tar header promises, skip directories that they cannot read, and find nothing
// in a missing one; here every doubt refuses the bundle and names the file. What the
// parts of a bundle mean is OPA's: its parser, its roots, its layout of data.
package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/model"
	"postern/sidecar/phrase"
)

// A Summary is what there is to say of a bundle once it is compiled: not its content, which
// can be large.
type Summary struct {
	// Revision is the manifest's, else the first 12 hex digits of the source's digest;
	// those of several sources are joined with commas. It is printable ASCII.
	Revision string
	// Digest is [Digest] of the sources.
	Digest string
	// Files are what was read, in the order of sources and paths. Ignored files are not
	// among them.
	Files []File
	// Sources are what there is to say of each source, in their order.
	Sources []SourceSummary
	// Warnings say what was ignored and what is probably not meant, with file and cause.
	Warnings []string
}

// A SourceSummary is one source of a bundle: its name, and its own revision and digest.
// The digest is of what the source says: neither its signature nor files that are ignored
// are part of it, so that a source that is signed anew is the same.
type SourceSummary struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
	// Signer is the id of the key that signed the source, where it must be signed.
	Signer string `json:"signer,omitempty"`
	// Derived says that the source states no revision, and Revision is of its digest.
	Derived bool `json:"-"`
}

// Size is how many bytes the files have.
func (s Summary) Size() int {
	n := 0
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// A Bundle is the checked content of one or several sources. It is shared between
// requests: it must not be changed.
type Bundle struct {
	Summary
	// Modules are the Rego files by path, with their annotations. Tests are those named
	// _test.rego, which take no part in serving.
	Modules map[string]*ast.Module
	Tests   map[string]*ast.Module
	// Rego is a digest of the modules, by their paths and whole texts.
	Rego string
	// Data are the base documents of all sources, with numbers as json.Number. It is not
	// nil.
	Data        map[string]any
	Entrypoints Entrypoints
	// Model is data.model, nil where there is none.
	Model *model.Model
}

// A File is one file of a bundle. Path is its slash path in the bundle, behind the
// source and a slash where there are several sources. Size is in bytes.
type File struct {
	Path string
	Size int
}

// Entrypoints are the rules, as slash paths below data, that a bundle puts in the place
// of the library's. An empty one replaces nothing.
type Entrypoints struct {
	Check    string
	Route    string
	Evaluate string
	Search   Search
}

// Search is the entrypoints of the three searches.
type Search struct {
	Subject  string
	Resource string
	Action   string
}

// Load reads and checks the bundle in the paths of directories or .tar.gz archives. The
// roots of several must be disjoint. Its errors name the file and the cause, all that is
// wrong with the content at once.
func Load(ctx context.Context, limits Limits, paths ...string) (*Bundle, error) {
	return LoadSources(ctx, limits, Paths(paths...))
}

// LoadSources is [Load] for any sources.
func LoadSources(ctx context.Context, limits Limits, sources []Source) (*Bundle, error) {
	trees, err := readAll(ctx, limits, sources)
	if err != nil {
		return nil, err
	}
	if err := verifyAll(trees, sources); err != nil {
		return nil, err
	}
	return assemble(ctx, limits, trees)
}

// FromFS reads and checks the bundle in a file system such as an embedded one, within
// [DefaultLimits].
func FromFS(fsys fs.FS) (*Bundle, error) {
	limits := DefaultLimits()
	t, err := readFS(limits, fsys)
	if err != nil {
		return nil, err
	}
	return assemble(context.Background(), limits, []*tree{t})
}

// Digest is "sha256:" and the hex digest of what [Load] would read from the paths. It
// reads the bytes and parses nothing, so it tells cheaply whether anything changed. A
// directory and an archive of the same files have the same digest.
func Digest(ctx context.Context, limits Limits, paths ...string) (string, error) {
	return DigestSources(ctx, limits, Paths(paths...))
}

// DigestSources is [Digest] for any sources. Of those that have signers it covers every
// file, ignored ones and the signature too, and verifies nothing.
func DigestSources(ctx context.Context, limits Limits, sources []Source) (string, error) {
	trees, err := readAll(ctx, limits, sources)
	if err != nil {
		return "", err
	}
	return digest(trees), nil
}

// readAll reads every source and labels their files where there are several.
func readAll(ctx context.Context, limits Limits, sources []Source) ([]*tree, error) {
	return readEach(sources, func(_ int, source Source) (*tree, error) { return source.read(ctx, limits) })
}

func readEach(sources []Source, read func(int, Source) (*tree, error)) ([]*tree, error) {
	if len(sources) == 0 {
		return nil, errors.New("no bundle source is given")
	}
	trees := make([]*tree, len(sources))
	for i, source := range sources {
		t, err := read(i, source)
		if err != nil {
			return nil, fmt.Errorf("bundle %q: %w", source.Name, err)
		}
		t.source = source.Name
		if len(sources) > 1 {
			t.label = strings.TrimSuffix(source.Name, "/") + "/"
		}
		trees[i] = t
	}
	return trees, nil
}

// assemble parses and checks the files of all sources, and merges them.
func assemble(ctx context.Context, limits Limits, trees []*tree) (*Bundle, error) {
	parts, err := parseAll(ctx, limits, trees)
	if err != nil {
		return nil, err
	}
	return combine(parts, digest(trees))
}

// parseAll parses the files of all sources and reports the mistakes of all.
func parseAll(ctx context.Context, limits Limits, trees []*tree) ([]*part, error) {
	var parts []*part
	var mistakes []error
	for _, t := range trees {
		p, err := parse(ctx, limits, t)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		parts = append(parts, p)
	}
	return parts, errors.Join(mistakes...)
}

// combine merges the parts and checks what they must be together.
func combine(parts []*part, digest string) (*Bundle, error) {
	b := &Bundle{Summary: Summary{Digest: digest}, Data: map[string]any{}, Modules: map[string]*ast.Module{}, Tests: map[string]*ast.Module{}}
	if err := disjoint(parts); err != nil {
		return nil, err
	}
	if err := b.merge(parts); err != nil {
		return nil, err
	}
	if err := checkModules(b.Modules, b.Data); err != nil {
		return nil, err
	}
	if err := b.readModel(parts); err != nil {
		return nil, err
	}
	return b, nil
}

// merge puts the parts together. Their roots are disjoint by now, so no two of them
// write to the same place.
func (b *Bundle) merge(parts []*part) error {
	revisions := make([]string, len(parts))
	texts := map[string][sha256.Size]byte{}
	for i, p := range parts {
		revisions[i] = p.manifest.revision
		b.Sources = append(b.Sources, p.summary())
		b.Files = append(b.Files, p.tree.list()...)
		b.Warnings = append(b.Warnings, p.warnings...)
		maps.Copy(b.Modules, p.modules)
		maps.Copy(b.Tests, p.tests)
		maps.Copy(texts, p.texts)
		if where, err := insert(b.Data, p.data); err != nil {
			return fmt.Errorf("%s: data at %s: %w", p.name(), phrase.Quote(strings.Join(where, "/")), err)
		}
		if err := addEntrypoints(&b.Entrypoints, p, parts[:i]); err != nil {
			return err
		}
	}
	b.Revision = strings.Join(revisions, ",")
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := texts[name]
		fmt.Fprintf(all, "%d:%s%s", len(name), name, text[:])
	}
	b.Rego = hex.EncodeToString(all.Sum(nil))
	return nil
}

// readModel checks data.model, if there is one.
func (b *Bundle) readModel(parts []*part) error {
	document, ok := b.Data["model"]
	if !ok {
		return nil
	}
	m, err := model.Parse(document, locator(parts, "model"))
	if err != nil {
		return err
	}
	b.Model = m
	for _, w := range m.Warnings {
		b.Warnings = append(b.Warnings, w.Error())
	}
	return nil
}

// disjoint refuses several sources that claim one path, as OPA does with several
// bundles. A source without roots claims everything.
func disjoint(parts []*part) error {
	for i, p := range parts {
		for _, q := range parts[:i] {
			for _, r := range p.manifest.roots {
				at := slices.IndexFunc(q.manifest.roots, func(s string) bool { return overlap(r, s) })
				if at >= 0 {
					return fmt.Errorf("%s and %s both have the root %q or one below it (%q): several bundles need a %s each, with roots that differ",
						q.name(), p.name(), q.manifest.roots[at], r, manifestName)
				}
			}
			if p.hasModel() && q.hasModel() {
				return fmt.Errorf("%s and %s both have a part of the model: who writes one part of it decides what the others mean, so it comes from one bundle", q.name(), p.name())
			}
		}
	}
	return nil
}

// addEntrypoints takes the entrypoints of one source. Two that differ are a mistake of
// both sources.
func addEntrypoints(all *Entrypoints, p *part, before []*part) error {
	err := all.add(p.manifest.entrypoints)
	if err == nil {
		return nil
	}
	for _, q := range before {
		both := q.manifest.entrypoints
		if both.add(p.manifest.entrypoints) != nil {
			return fmt.Errorf("%s: %w, %s", p.tree.label+manifestName, err, q.name())
		}
	}
	return fmt.Errorf("%s: %w", p.tree.label+manifestName, err)
}
