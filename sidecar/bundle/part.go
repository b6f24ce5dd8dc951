package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/model"
)

// A part is one source, parsed and checked for itself.
type part struct {
	tree     *tree
	manifest manifest
	modules  map[string]*ast.Module
	texts    map[string][sha256.Size]byte // of the modules
	tests    map[string]*ast.Module
	data     map[string]any
	warnings []string
	sum      [sha256.Size]byte
	derived  bool // no revision is stated
}

// maxMistakes bounds what one source reports at once.
const maxMistakes = 50

// A parser reads the files of one tree and keeps what is wrong with them.
type parser struct {
	*part
	limits   Limits
	room     *room
	tokens   int
	mistakes []error
}

// parse reads every file of a tree. It reports the mistakes of all files.
func parse(ctx context.Context, limits Limits, t *tree) (*part, error) {
	p := &parser{limits: limits, room: limits.room(), part: &part{
		tree: t, warnings: t.warnings(), data: map[string]any{},
		modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, texts: map[string][sha256.Size]byte{},
	}}
	p.manifest = manifest{roots: []string{""}}
	for _, f := range t.files {
		if f.kind == manifestFile {
			p.readManifest(f)
		}
	}
	for _, f := range t.files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.read(f)
		if len(p.mistakes) >= maxMistakes {
			p.mistakes = append(p.mistakes, errors.New("and perhaps more"))
			break
		}
	}
	if len(p.mistakes) > 0 {
		return nil, errors.Join(p.mistakes...)
	}
	if len(p.modules) == 0 && len(p.data) == 0 {
		return nil, errors.New("the bundle has nothing in it: neither Rego nor data")
	}
	p.sum = t.sum()
	if p.manifest.revision == "" {
		p.derived = true
		p.manifest.revision = fmt.Sprintf("%x", p.sum[:6])
	}
	return p.part, nil
}

// name is the source, as errors call it.
func (p *part) name() string { return strings.TrimSuffix(p.tree.label, "/") }

func (p *part) hasModel() bool {
	_, ok := p.data["model"]
	return ok
}

func (p *part) summary() SourceSummary {
	return SourceSummary{Name: p.tree.source, Revision: p.manifest.revision, Digest: written(p.sum), Signer: p.tree.signer, Derived: p.derived}
}

func (p *parser) read(f file) {
	if f.kind != manifestFile && !p.readable(f) {
		return
	}
	switch f.kind {
	case moduleFile, testFile:
		p.readModule(f)
	case jsonData, yamlData:
		p.readData(f)
	}
}

// readable refuses what no text file of a bundle begins with or holds.
func (p *parser) readable(f file) bool {
	switch {
	case !utf8.Valid(f.content):
		p.fail(f, 0, 0, "not valid UTF-8")
	case bytes.HasPrefix(f.content, []byte("\xef\xbb\xbf")):
		p.fail(f, 1, 1, "begins with a byte order mark")
	case bytes.IndexByte(f.content, 0) >= 0:
		p.fail(f, 0, 0, "has a NUL in it")
	default:
		return true
	}
	return false
}

// fail keeps a mistake. A line of 0 is the whole file.
func (p *parser) fail(f file, line, column int, cause string) {
	p.mistakes = append(p.mistakes, mistake(p.tree.label+f.path, line, column, cause))
}

// warn keeps what is probably not meant and refuses nothing.
func (p *parser) warn(f file, line, column int, cause string) {
	p.warnings = append(p.warnings, mistake(p.tree.label+f.path, line, column, cause).Error())
}

func mistake(path string, line, column int, cause string) model.Mistake {
	return model.Mistake{Position: model.Position{File: path, Line: line, Column: column}, Cause: cause}
}

// failWith keeps a decoder's error at its position.
func (p *parser) failWith(f file, err error) {
	var inJSON *syntaxError
	var inYAML *nodeError
	switch {
	case errors.As(err, &inJSON):
		line, column := lineColumn(f.content, inJSON.offset)
		p.fail(f, line, column, inJSON.cause)
	case errors.As(err, &inYAML):
		p.fail(f, inYAML.line, inYAML.column, inYAML.cause)
	default:
		p.fail(f, 0, 0, cause(err))
	}
}
