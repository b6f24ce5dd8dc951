package policy

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"

	"postern/policies"
	"postern/sidecar/bundle"
	"postern/sidecar/dataset"
	"postern/sidecar/decision"
)

// libraryEntrypoints are the rules that answer where nothing replaces them.
var libraryEntrypoints = bundle.Entrypoints{
	Check:    "postern/check/decision",
	Route:    "postern/route/decision",
	Evaluate: "postern/evaluate/decision",
	Search:   bundle.Search{Action: "postern/search/action"},
}

// compiled is the library and a bundle in one compiler, with the bundle's data and one
// read transaction over it that lasts as long as the policy, since nothing ever writes.
type compiled struct {
	compiler    *ast.Compiler
	store       *dataset.Store
	txn         storage.Transaction
	entrypoints bundle.Entrypoints
}

// compile makes one compiler of the library and the bundle's modules.
func compile(ctx context.Context, b *bundle.Bundle, o Options) (*compiled, error) {
	caps, err := Capabilities(o.Builtins)
	if err != nil {
		return nil, err
	}
	store, err := dataset.New(b.Data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	compiler := ast.NewCompiler().
		WithCapabilities(caps).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn)).
		WithEnablePrintStatements(false)
	modules := Modules(b)
	compiler.Compile(modules)
	if compiler.Failed() {
		return nil, explainRefusals(compiler.Errors, modules, o.Builtins)
	}
	return &compiled{
		compiler:    compiler,
		store:       store,
		txn:         txn,
		entrypoints: chosen(o.Entrypoints, b.Entrypoints),
	}, nil
}

// CheckTypes compiles the bundle once more with the schemas that its METADATA names, as
// opa check --schema does. schema.input is there for every bundle. Serving does without:
// what it finds is a rule that is never true, and not one that cannot be evaluated.
func CheckTypes(b *bundle.Bundle, builtins []string) error {
	caps, err := Capabilities(builtins)
	if err != nil {
		return err
	}
	compiler := ast.NewCompiler().
		WithCapabilities(caps).
		WithSchemas(policies.Schemas()).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(false)
	if compiler.Compile(Modules(b)); compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

// libraryName begins the names of the library's modules. No file of a bundle has a NUL in
// its path, so that none can take the place of one.
const libraryName = "\x00library/"

// Modules are the library's and the bundle's modules under names that cannot clash.
func Modules(b *bundle.Bundle) map[string]*ast.Module {
	modules := make(map[string]*ast.Module, len(b.Modules))
	for path, module := range policies.Modules() {
		modules[libraryName+path] = module
	}
	for path, module := range b.Modules {
		modules[path] = module
	}
	return modules
}

// reserved refuses a rule of the library that does not decide what own does: most of them
// are true for much less than a decision is.
func reserved(path, own string) error {
	extends := strings.HasPrefix(path, "postern/extend/") || strings.HasPrefix(path, "postern/log/")
	if path == own || extends || !strings.HasPrefix(path, "postern/") {
		return nil
	}
	if own == "" {
		return fmt.Errorf("entrypoint %q: the library has none for this", path)
	}
	return fmt.Errorf("entrypoint %q: of the library, only %s decides here", path, own)
}

// chosen prefers the configuration's entrypoint, then the bundle's, then the library's,
// which has none for searches of subjects and resources.
func chosen(config, manifest bundle.Entrypoints) bundle.Entrypoints {
	own := libraryEntrypoints
	return bundle.Entrypoints{
		Check:    cmp.Or(config.Check, manifest.Check, own.Check),
		Route:    cmp.Or(config.Route, manifest.Route, own.Route),
		Evaluate: cmp.Or(config.Evaluate, manifest.Evaluate, own.Evaluate),
		Search: bundle.Search{
			Subject:  cmp.Or(config.Search.Subject, manifest.Search.Subject),
			Resource: cmp.Or(config.Search.Resource, manifest.Search.Resource),
			Action:   cmp.Or(config.Search.Action, manifest.Search.Action, own.Search.Action),
		},
	}
}

// extended reports whether the bundle brings denials of its own.
func (c *compiled) extended() bool {
	return len(c.compiler.GetRulesExact(ast.MustParseRef("data.postern.extend.deny"))) > 0
}

// Whether an error of a built-in ends the evaluation, or leaves its expression undefined.
const (
	strict  = true
	lenient = false
)

// decider prepares the entrypoint at path, in the place of the library's own.
func (c *compiled) decider(ctx context.Context, number byte, path, own string) (decider, error) {
	return c.prepared(ctx, number, path, own, strict, plainly)
}

// routeDecider prepares the entrypoint of routes. One that is not the library's may yield
// OPA-Envoy's shapes, and is evaluated as OPA itself does, so that policies written for
// OPA-Envoy run unchanged: where a built-in fails, to_number of a header that is none, say,
// the expression is undefined. Such a rule does not hold; it is for the policy not to deny
// by it alone. The library, an own check entrypoint and postern.extend, which only denies,
// stay strict: there the error denies.
func (c *compiled) routeDecider(ctx context.Context) (decider, error) {
	path, own := c.entrypoints.Route, libraryEntrypoints.Route
	if path == own {
		return c.decider(ctx, routeEntrypoint, path, own)
	}
	return c.prepared(ctx, routeEntrypoint, path, own, lenient, edited)
}

func (c *compiled) prepared(ctx context.Context, number byte, path, own string, strictly bool, read func(any) (*decision.Answer, error)) (decider, error) {
	if err := reserved(path, own); err != nil {
		return decider{}, err
	}
	asked, err := c.query(ctx, path, strictly)
	if err != nil {
		return decider{}, err
	}
	by := decider{decision: asked, read: read}
	if path == own || !c.extended() {
		by.entrypoint = c.entrypoint(number, path)
		return by, nil
	}
	by.entrypoint = c.entrypoint(number, path, denialsPath)
	denials, err := c.query(ctx, denialsPath, strict)
	by.denials = &denials
	return by, err
}

// The entrypoints whose results are remembered, by number.
const (
	checkEntrypoint = iota
	routeEntrypoint
	effectiveEntrypoint
	evaluateEntrypoint
	projections // how many a session remembers its part of the keys for

	subjectSearch = iota - 1
	resourceSearch
	actionSearch
)

// An entrypoint is a rule that is asked, and all that it can read.
type entrypoint struct {
	number    byte
	path      string
	footprint *footprint
	// shared is whether a result holds for all inputs that are equal in what is read.
	shared bool
}

// entrypoint finds what the rules at some paths can read together; the first names them.
func (c *compiled) entrypoint(number byte, paths ...string) entrypoint {
	refs := make([]ast.Ref, len(paths))
	for i, path := range paths {
		refs[i] = refOf(path)
	}
	f := footprintOf(c.compiler, refs...)
	return entrypoint{number: number, path: paths[0], footprint: f, shared: len(f.unshared()) == 0}
}

// refOf is the reference to a slash path below data.
func refOf(path string) ast.Ref {
	ref := ast.Ref{ast.DefaultRootDocument}
	for segment := range strings.SplitSeq(path, "/") {
		ref = append(ref, ast.StringTerm(segment))
	}
	return ref
}

// query prepares the rule at a slash path below data. It must be a rule, and no
// function; a package would answer with everything in it.
func (c *compiled) query(ctx context.Context, path string, strictly bool) (rego.PreparedEvalQuery, error) {
	var none rego.PreparedEvalQuery
	if err := bundle.CheckEntrypoint(path); err != nil {
		return none, fmt.Errorf("entrypoint: %w", err)
	}
	ref := refOf(path)
	rules := c.compiler.GetRulesExact(ref)
	if len(rules) == 0 {
		return none, fmt.Errorf("entrypoint %q: no rule %v is in the bundle or the library", path, ref)
	}
	for _, rule := range rules {
		if len(rule.Head.Args) > 0 {
			return none, fmt.Errorf("entrypoint %q: %v is a function", path, ref)
		}
	}
	query, err := rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))),
		rego.Compiler(c.compiler),
		rego.Store(c.store),
		rego.Transaction(c.txn),
		rego.StrictBuiltinErrors(strictly),
		rego.GenerateJSON(plainJSON),
	).PrepareForEval(ctx)
	if err != nil {
		return none, fmt.Errorf("entrypoint %q: %w", path, err)
	}
	return query, nil
}

// plainJSON gives sets as lists and numbers with all their digits.
func plainJSON(term *ast.Term, _ *rego.EvalContext) (any, error) {
	value, err := ast.JSON(term.Value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errShape, err)
	}
	return owned(value), nil
}

// owned is a value that owns its texts. Those of the input may be parts of a whole request,
// which whoever remembers the value would hold on to.
func owned(value any) any {
	switch value := value.(type) {
	case string:
		return strings.Clone(value)
	case []any:
		for i, element := range value {
			value[i] = owned(element)
		}
	case map[string]any:
		made := make(map[string]any, len(value))
		for name, member := range value {
			made[strings.Clone(name)] = owned(member)
		}
		return made
	}
	return value
}
