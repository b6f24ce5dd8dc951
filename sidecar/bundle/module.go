package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"postern/sidecar/phrase"
)

// readModule parses a module as Rego v1, with its annotations.
func (p *parser) readModule(f file) {
	name := p.tree.label + f.path
	p.tokens += regoTokens(f.content)
	if p.tokens > p.limits.Tokens {
		p.fail(f, 0, 0, fmt.Sprintf("with it the Rego files have %d words and marks, more than %d", p.tokens, p.limits.Tokens))
		return
	}
	m, err := parseRego(name, string(f.content))
	var faults ast.Errors
	if errors.As(err, &faults) {
		for _, fault := range faults {
			line, column := 0, 0
			if fault.Location != nil {
				line, column = fault.Location.Row, fault.Location.Col
			}
			p.fail(f, line, column, cause(errors.New(fault.Message)))
		}
		return
	}
	if err != nil {
		p.fail(f, 0, 0, cause(err))
		return
	}
	at, err := packagePath(m)
	if err == nil {
		err = reservedPackage(at, f.kind)
	}
	if err == nil && f.kind == moduleFile && !contains(p.manifest.roots, at) {
		err = fmt.Errorf("package %s is outside the roots of the manifest, %s", dotted(at), list(p.manifest.roots))
	}
	if err != nil {
		p.fail(f, m.Package.Location.Row, m.Package.Location.Col, err.Error())
		return
	}
	if f.kind == moduleFile {
		p.modules[name] = m
		p.texts[name] = sha256.Sum256(f.content)
		return
	}
	p.tests[name] = m
	if !strings.HasSuffix(at[len(at)-1], "_test") {
		p.warnings = append(p.warnings, fmt.Sprintf("%s: package %s does not end in _test: as a test file it takes no part in serving",
			name, dotted(at)))
	}
}

// regoTokens is at least the number of tokens in a module: of runs of letters, digits,
// underscores and what is not ASCII, and of all other bytes but white space. Strings and
// comments count as if they were code.
func regoTokens(content []byte) int {
	n, word := 0, false
	for _, c := range content {
		switch {
		case c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= utf8.RuneSelf:
			if !word {
				n++
			}
			word = true
		default:
			if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
				n++
			}
			word = false
		}
	}
	return n
}

// parseRego parses one module. The parser's panics become errors: the file is not
// Postern's own.
func parseRego(name, text string) (m *ast.Module, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, errors.New("the Rego parser gave up")
		}
	}()
	options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1}
	m, err = ast.ParseModuleWithOpts(name, text, options)
	if err == nil && m == nil {
		return nil, errors.New("the module is empty")
	}
	return m, err
}

// packagePath is the package as the parts of a path below data, however it is spelled.
func packagePath(m *ast.Module) ([]string, error) {
	at, err := storage.NewPathForRef(m.Package.Path)
	if err != nil || len(at) == 0 {
		return nil, fmt.Errorf("package %s is not a path of names", phrase.Quote(m.Package.Path.String()))
	}
	return at, nil
}

// dotted is a package's path as it is written. A part in quotes may be any text.
func dotted(at []string) string { return phrase.OneLine(strings.Join(at, ".")) }

// reservedPackage refuses packages of Postern's own, but for those that a bundle may
// bring, and rules among the model, which is checked as data.
func reservedPackage(at []string, k kind) error {
	if at[0] == "model" {
		return errors.New("package model is reserved: the model is data, and rules there could not be checked")
	}
	if at[0] != "postern" {
		return nil
	}
	if len(at) > 1 {
		switch at[1] {
		case "extend", "log":
			if len(at) > 2 && at[1] == "extend" && at[2] == "deny" {
				return errors.New("package postern.extend.deny stands where the rule deny of package postern.extend does")
			}
			if k == testFile && len(at) == 2 {
				return errors.New("a file named _test.rego takes no part in serving: its package is postern.extend_test, or the file has another name")
			}
			return nil
		case "extend_test", "log_test":
			if k == testFile {
				return nil
			}
		}
	}
	return fmt.Errorf("package %s is reserved: a bundle has only postern.extend and postern.log of it", dotted(at))
}

// checkModules checks what the modules of all sources must be together, and with the
// data: postern.extend denies, and no rule stands where data does.
func checkModules(modules map[string]*ast.Module, data map[string]any) error {
	var mistakes []error
	extends, denies := "", false
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		at, err := packagePath(m)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(at) >= 2 && at[0] == "postern" && at[1] == "extend" {
			extends = name
		}
		for _, rule := range m.Rules {
			if err := clash(at, rule, data); err != nil {
				mistakes = append(mistakes, mistake(name, rule.Location.Row, rule.Location.Col, err.Error()))
			}
			if rule.Head.Ref()[0].Value.Compare(ast.Var("deny")) != 0 || len(at) < 2 || at[0] != "postern" || at[1] != "extend" {
				continue
			}
			if len(at) > 2 {
				mistakes = append(mistakes, mistake(name, rule.Location.Row, rule.Location.Col, "deny denies in package postern.extend alone, not below it"))
				continue
			}
			denies = true
			if !partialSet(rule) {
				mistakes = append(mistakes, mistake(name, rule.Location.Row, rule.Location.Col, "deny must be a set: write it as `deny contains reason if …`"))
			}
		}
	}
	if extends != "" && !denies {
		mistakes = append(mistakes, fmt.Errorf("%s: package postern.extend has no rule `deny contains reason`, so it would deny nothing; did you mean deny?", extends))
	}
	return errors.Join(mistakes...)
}

// partialSet reports whether a rule is name contains value, and nothing else.
func partialSet(rule *ast.Rule) bool {
	return !rule.Default && rule.Else == nil && len(rule.Head.Args) == 0 &&
		len(rule.Head.Ref()) == 1 && rule.Head.RuleKind() == ast.MultiValue
}

// clash refuses a rule where the bundle's data has a value: policy would see the rule
// for one and the data for another.
func clash(at []string, rule *ast.Rule, data map[string]any) error {
	where := slices.Clone(at)
	for i, term := range rule.Head.Ref() {
		name, ok := term.Value.(ast.String)
		if v, isVar := term.Value.(ast.Var); isVar && i == 0 {
			name, ok = ast.String(v), true
		}
		if !ok {
			break
		}
		where = append(where, string(name))
	}
	found, blocked := lookup(data, where)
	if blocked > 0 {
		where, found = where[:blocked], true
	}
	if !found {
		return nil
	}
	return fmt.Errorf("rule %s stands where the bundle has data, at %s", phrase.Quote(rule.Head.Ref().String()), phrase.Quote(strings.Join(where, "/")))
}
