package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"postern/sidecar/bundle"
	"postern/sidecar/dataset"
	"postern/sidecar/logmask"
)

// The rules of a bundle's package postern.log.
const (
	logPackage = "data.postern.log"
	maskRule   = "mask"
	dropRule   = "drop"
)

// maxEdits bounds what a mask may ask for.
const maxEdits = 1000

// A logMask is a bundle's say about the decision log. Its evaluations have a bound of their
// own: what it wastes is no decision's.
type logMask struct {
	mask, drop *rego.PreparedEvalQuery // nil where there is no such rule
	store      *dataset.Store
	bound      *Bound
}

// logMask prepares package postern.log; nil where the bundle has none.
func (c *compiled) logMask(ctx context.Context, b *bundle.Bundle, bound *Bound) (*logMask, error) {
	has, err := checkLogPackage(b.Modules)
	if err != nil || len(has) == 0 {
		return nil, err
	}
	m := &logMask{store: c.store, bound: &Bound{Deadline: bound.Deadline, Abandoned: max(bound.Abandoned, 1)}}
	if has[maskRule] {
		if m.mask, err = c.logQuery(ctx, maskRule, limited); err != nil {
			return nil, err
		}
	}
	if has[dropRule] {
		m.drop, err = c.logQuery(ctx, dropRule, plainJSON)
	}
	return m, err
}

func (c *compiled) logQuery(ctx context.Context, rule string, result func(*ast.Term, *rego.EvalContext) (any, error)) (*rego.PreparedEvalQuery, error) {
	query, err := rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ast.MustParseRef(logPackage+"."+rule))))),
		rego.Compiler(c.compiler),
		rego.Store(c.store),
		rego.Transaction(c.txn),
		rego.StrictBuiltinErrors(strict),
		rego.GenerateJSON(result),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", logPackage, rule, err)
	}
	return &query, nil
}

// limited is plainJSON for a set that is not larger than any mask needs to be. One that is
// comes to [logmask.Size], as a value: the evaluator does not keep errors apart.
func limited(term *ast.Term, e *rego.EvalContext) (any, error) {
	if set, ok := term.Value.(ast.Set); ok && set.Len() > maxEdits {
		return logmask.Size, nil
	}
	r := &room{ctx: context.Background(), left: logmask.Largest}
	if r.take(term.Value) != nil {
		return logmask.Size, nil
	}
	return plainJSON(term, e)
}

// checkLogPackage is which rules package postern.log has. It has a set called mask, a truth
// called drop, or both, and no pointer that is sure to fail.
func checkLogPackage(modules map[string]*ast.Module) (has map[string]bool, err error) {
	var mistakes []error
	has = map[string]bool{}
	found := ""
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		m := modules[name]
		if m.Package.Path.String() != logPackage {
			continue
		}
		found = name
		for _, rule := range m.Rules {
			var wrong error
			switch rule.Head.Ref().String() {
			case maskRule:
				has[maskRule], wrong = true, checkMaskRule(rule)
			case dropRule:
				has[dropRule], wrong = true, checkDropRule(rule)
			default:
				if v, ok := rule.Head.Ref()[0].Value.(ast.Var); ok && (v == maskRule || v == dropRule) {
					wrong = fmt.Errorf("%s is one rule, and not a document of them", v)
				}
			}
			if wrong != nil {
				mistakes = append(mistakes, fmt.Errorf("%s:%d:%d: %w", name, rule.Location.Row, rule.Location.Col, wrong))
			}
		}
	}
	if found != "" && len(has) == 0 && len(mistakes) == 0 {
		mistakes = append(mistakes, fmt.Errorf("%s: package postern.log has neither `mask contains …` nor `drop if …`, so it would do nothing", found))
	}
	return has, errors.Join(mistakes...)
}

func checkDropRule(rule *ast.Rule) error {
	if rule.Head.RuleKind() != ast.SingleValue || len(rule.Head.Args) > 0 {
		return errors.New("drop is true or false: write it as `drop if …`")
	}
	return nil
}

// checkMaskRule checks the pointer that a rule names, where it stands there.
func checkMaskRule(rule *ast.Rule) error {
	if rule.Head.RuleKind() != ast.MultiValue || rule.Default || rule.Else != nil || len(rule.Head.Args) > 0 {
		return errors.New("mask must be a set: write it as `mask contains \"/user\" if …`")
	}
	key := rule.Head.Key
	if object, ok := key.Value.(ast.Object); ok {
		if key = object.Get(ast.StringTerm("path")); key == nil {
			return errors.New("an entry of mask has no path")
		}
	}
	pointer, ok := key.Value.(ast.String)
	if !ok {
		return nil // known when it is evaluated
	}
	switch logmask.CheckPointer(string(pointer)) {
	case logmask.Protection:
		return fmt.Errorf("%q cannot be masked: no record is without %v", string(pointer), logmask.Protected())
	case logmask.Path:
		return fmt.Errorf("%q is no JSON pointer", string(pointer))
	}
	return nil
}

// LogMask asks package postern.log about a record of the decision log; nil where the bundle
// has none. Its errors are of package logmask.
func (p *Policy) LogMask() func(ctx context.Context, record jsontext.Value) ([]logmask.Edit, bool, error) {
	if p.logMask == nil {
		return nil
	}
	return p.logMask.ask
}

func (m *logMask) ask(ctx context.Context, record jsontext.Value) (edits []logmask.Edit, drop bool, err error) {
	input, err := ast.ValueFromReader(bytes.NewReader(record))
	if err != nil {
		return nil, false, logmask.Failed
	}
	if m.drop != nil {
		result, err := m.eval(ctx, m.drop, input)
		var ok bool
		if drop, ok = result.(bool); err == nil && !ok {
			err = logmask.Shape
		}
		if err != nil && !errors.Is(err, errUndefined) {
			return nil, false, maskError(err)
		}
	}
	if m.mask == nil {
		return nil, drop, nil
	}
	result, err := m.eval(ctx, m.mask, input)
	if err != nil {
		return nil, false, maskError(err)
	}
	edits, err = editsOfMask(result)
	return edits, drop, err
}

func (m *logMask) eval(ctx context.Context, q *rego.PreparedEvalQuery, input ast.Value) (any, error) {
	read := m.store.Reading()
	return run(ctx, m.bound, func(ctx context.Context) (any, error) {
		return evalOne(ctx, *q, input, read, time.Now())
	})
}

// maskError is the word for an evaluation that gave no result.
func maskError(err error) error {
	var word logmask.Error
	switch {
	case errors.As(err, &word):
		return word
	case errors.Is(err, errTimeout):
		return logmask.Timeout
	case errors.Is(err, errOverloaded):
		return logmask.Busy
	default:
		return logmask.Failed
	}
}

// editsOfMask reads what mask yields: pointers of what to take out, and objects as OPA's
// system.log has them, {"op": "remove" or "upsert", "path", "value"}.
func editsOfMask(result any) ([]logmask.Edit, error) {
	if word, ok := result.(logmask.Error); ok {
		return nil, word
	}
	list, ok := result.([]any)
	if !ok {
		return nil, logmask.Shape
	}
	edits := make([]logmask.Edit, len(list))
	for i, item := range list {
		switch item := item.(type) {
		case string:
			edits[i].Pointer = item
		case map[string]any:
			if edits[i], ok = editOfMask(item); !ok {
				return nil, logmask.Shape
			}
		default:
			return nil, logmask.Shape
		}
		if err := logmask.CheckPointer(edits[i].Pointer); err != nil {
			return nil, err
		}
	}
	return edits, nil
}

func editOfMask(object map[string]any) (e logmask.Edit, ok bool) {
	op, _ := object["op"].(string)
	value, stated := object["value"]
	if e.Pointer, ok = object["path"].(string); !ok {
		return e, false
	}
	switch {
	case op == "remove" && !stated:
		return e, len(object) == 2
	case op == "upsert" && stated:
		text, err := json.Marshal(value)
		e.Value = text
		return e, err == nil && len(object) == 3
	default:
		return e, false
	}
}

// LoggedRoutes are the patterns of the model's routes whose decisions must be logged, sorted.
func (p *Policy) LoggedRoutes() []string {
	var all []string
	for r := range p.governed {
		if r.Logged {
			all = append(all, r.Match)
		}
	}
	slices.Sort(all)
	return all
}
