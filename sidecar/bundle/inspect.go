package bundle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Contents are what there is to say of one source to people.
type Contents struct {
	SourceSummary
	Roots []string
	// Files are those of use, and Ignored the names of the others.
	Files       []File
	Ignored     []string
	Packages    []string
	Entrypoints Entrypoints
	// Signature is nil where there is none.
	Signature *Signature
}

// A Signature is what the signature of a source says.
type Signature struct {
	KeyID     string
	Algorithm string
	Scope     string
	// Files are how many files it covers.
	Files int
	// Verified says that the source's signers verified it, and Fault why they did not.
	Verified bool
	Fault    error
}

// Inspect reads and checks sources as [LoadSources] does, and says what each has. It reads
// also what is signed and has no signers, or is signed wrongly: then the signature says
// so. A source with signers that is not signed is refused.
func Inspect(ctx context.Context, limits Limits, sources []Source) (*Bundle, []Contents, error) {
	signatures := make([]*Signature, len(sources))
	trees, err := readEach(sources, func(i int, source Source) (*tree, error) {
		t, err := source.readAs(ctx, limits, true)
		if err == nil {
			signatures[i], err = t.inspect(source)
		}
		return t, err
	})
	if err != nil {
		return nil, nil, err
	}
	parts, err := parseAll(ctx, limits, trees)
	if err != nil {
		return nil, nil, err
	}
	b, err := combine(parts, digest(trees))
	if err != nil {
		return nil, nil, err
	}
	all := make([]Contents, len(parts))
	for i, p := range parts {
		all[i] = p.contents()
		all[i].Signature = signatures[i]
	}
	return b, all, nil
}

// inspect reads the signature of a tree, and verifies it where the source has signers.
func (t *tree) inspect(source Source) (*Signature, error) {
	if t.signature == nil {
		t.signed = len(source.Signers) > 0 // else it is as it would be served
		if t.signed {
			_, err := t.verify(source.Signers, source.now())
			return nil, err
		}
		return nil, nil
	}
	s := &Signature{}
	said, err := parseStatement(t.signature.content)
	if err != nil {
		s.Fault = fmt.Errorf("%s: %w", SignaturesName, err)
		return s, nil
	}
	s.KeyID, s.Algorithm, s.Scope, s.Files = said.keyID, said.algorithm, said.scope, len(said.files)
	if len(source.Signers) > 0 {
		_, s.Fault = t.verify(source.Signers, source.now())
		if s.Verified = s.Fault == nil; s.Verified {
			t.signer = said.keyID
		}
	}
	return s, nil
}

func (p *part) contents() Contents {
	packages := map[string]bool{}
	for _, m := range p.modules {
		packages[strings.TrimPrefix(m.Package.Path.String(), "data.")] = true
	}
	files := make([]File, len(p.tree.files))
	for i, f := range p.tree.files {
		files[i] = File{f.path, len(f.content)}
	}
	return Contents{
		SourceSummary: p.summary(), Roots: p.manifest.roots, Files: files, Ignored: p.tree.ignored,
		Packages: slices.Sorted(maps.Keys(packages)), Entrypoints: p.manifest.entrypoints,
	}
}
