package policy

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/util"
	"github.com/open-policy-agent/opa/v1/version"

	"postern/sidecar/cache"
	"postern/sidecar/canonical"
)

// OPAVersion is the release of OPA whose evaluator this is.
func OPAVersion() string { return version.Version }

// data answers for documents: the compiled bundle, what of it may be read, and the queries
// that were prepared.
type data struct {
	*compiled
	readable []string
	// names are the documents at the top of data that the whole of it is made of.
	names   []string
	queries *cache.Cache[*rego.PreparedEvalQuery]

	mu         sync.Mutex // guards footprints
	footprints map[string]*footprint
}

// Bounds of the prepared queries of one policy. Callers choose the paths, so that what is
// kept is bounded, and what one takes is reckoned rather too high.
const (
	maxQueries  = 4 << 20  // bytes, for all
	queryCost   = 16 << 10 // bytes, for one
	segmentCost = 512      // bytes, for each name of its path
	longestPath = 1 << 10  // bytes; what is longer is hardly asked twice
)

// newData finds the documents of a bundle with these base documents.
func newData(c *compiled, base map[string]any, readable []string) (*data, error) {
	queries, err := cache.New[*rego.PreparedEvalQuery](maxQueries, nil)
	if err != nil {
		return nil, err
	}
	top := map[string]bool{}
	for name := range base {
		top[name] = true
	}
	if rules := c.compiler.RuleTree.Child(ast.DefaultRootDocument.Value); rules != nil {
		for name := range rules.Children {
			if text, ok := name.(ast.String); ok {
				top[string(text)] = true
			}
		}
	}
	// OPA keeps data.system to itself, unless somebody asks for it by name.
	delete(top, string(ast.SystemDocumentKey))
	for _, name := range hidden {
		if !slices.Contains(readable, name) {
			delete(top, name)
		}
	}
	return &data{compiled: c, readable: readable, names: slices.Sorted(maps.Keys(top)), queries: queries}, nil
}

// An evaluation is one question under way.
type evaluation struct {
	*data
	question *DataQuestion
	input    ast.Value
	now      time.Time
	metrics  metrics.Metrics
	room     *room
}

// all is the document at the question's path. The whole of data is made of the documents
// that may be read, each evaluated by itself: so what may not be is not even evaluated.
func (e *evaluation) all(ctx context.Context) (*Document, error) {
	if len(e.question.Path) > 0 {
		value, defined, err := e.one(ctx, e.question.Path)
		if err != nil {
			return nil, err
		}
		if !defined {
			return &Document{Kind: "undefined", Undefined: e.missing()}, nil
		}
		return e.rendered(value)
	}
	whole := make(map[string]any, len(e.names))
	for _, name := range e.names {
		value, defined, err := e.one(ctx, []string{name})
		if err != nil {
			return nil, err
		}
		if defined {
			whole[name] = value
		}
	}
	return e.rendered(whole)
}

// one evaluates one path.
func (e *evaluation) one(ctx context.Context, path []string) (value any, defined bool, err error) {
	if e.store.Size(path) > e.room.left {
		return nil, false, errTooLong
	}
	query, err := e.prepared(ctx, path)
	if err != nil {
		return nil, false, err
	}
	results, err := query.Eval(ctx,
		rego.EvalTransaction(e.txn),
		rego.EvalParsedInput(e.input),
		rego.EvalTime(e.now),
		rego.EvalMetrics(e.metrics),
		rego.EvalInstrument(e.question.Instrument),
		rego.EvalGenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) {
			if err := e.room.take(term.Value); err != nil {
				return nil, err
			}
			return ast.JSON(term.Value)
		}),
	)
	if err != nil || len(results) == 0 {
		return nil, false, err
	}
	return results[0].Expressions[0].Value, true, nil
}

// prepared is the query for a path. A path is made of terms, and never of query text.
func (e *evaluation) prepared(ctx context.Context, path []string) (*rego.PreparedEvalQuery, error) {
	text := strconv.AppendBool(nil, e.question.Strict)
	for _, name := range path {
		text = canonical.AppendText(text, name)
	}
	hits := e.metrics.Counter(metrics.ServerQueryCacheHit)
	if known, ok := e.queries.Get(string(text)); ok {
		hits.Incr()
		return known, nil
	}
	asked := ast.NewExpr(ast.NewTerm(dataRef(path)))
	// The compiler's errors name this place, as they do for a query that was text.
	place := ast.NewLocation(nil, "", 1, 1)
	asked.SetLocation(place)
	ref := asked.Terms.(*ast.Term)
	ref.SetLocation(place)
	ref.Value.(ast.Ref)[0].SetLocation(place)
	query, err := rego.New(
		rego.ParsedQuery(ast.NewBody(asked)),
		rego.Compiler(e.compiler),
		rego.Store(e.store),
		rego.Transaction(e.txn),
		rego.StrictBuiltinErrors(e.question.Strict),
		// Not to be instrumented: that would leave this caller's measures in the compiler, which
		// all callers share.
		rego.Metrics(e.metrics),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	if len(text) <= longestPath {
		e.queries.Put(string(text), &query, queryCost+segmentCost*len(path))
	}
	return &query, nil
}

// dataRef is the reference to a path below data. What OPA reads as a whole number is one.
func dataRef(path []string) ast.Ref {
	ref := make(ast.Ref, 1, 1+len(path))
	ref[0] = ast.VarTerm(string(ast.DefaultRootDocument.Value.(ast.Var)))
	for _, name := range path {
		if n, ok := util.Atoi64(name); ok {
			ref = append(ref, ast.NumberTerm(jsonNumber(strconv.FormatInt(n, 10))))
		} else {
			ref = append(ref, ast.StringTerm(strings.Clone(name)))
		}
	}
	return ref
}

// missing is what OPA says of a path that is undefined: whether there are rules at all.
func (e *evaluation) missing() string {
	ref := dataRef(e.question.Path)
	if len(e.compiler.GetRulesForVirtualDocument(ref)) > 0 {
		return "document undefined: " + ref.String()
	}
	return "document missing: " + ref.String()
}

// rendered is a document as JSON, in the form that OPA gives it.
func (e *evaluation) rendered(value any) (*Document, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, errShape
	}
	if len(text) > e.question.room() {
		return nil, errTooLong
	}
	d := &Document{JSON: text}
	switch v := value.(type) {
	case nil:
		d.Kind = "null"
	case bool:
		d.Kind, d.Allow, d.Deny = strconv.FormatBool(v), v, !v
	case json.Number:
		d.Kind = "number"
	case string:
		d.Kind = "string"
	case []any:
		d.Kind = "array"
	case map[string]any:
		d.Kind = "object"
		allow, decides := v["allow"].(bool)
		d.Allow, d.Deny = decides && allow, decides && !allow
	}
	return d, nil
}

// inLibrary is the path of a library's file, by the name that it is compiled under.
func inLibrary(file string) (string, bool) { return strings.CutPrefix(file, libraryName) }
