package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"postern/sidecar/decision"
)

// A Value is JSON as policies see it. The zero value is none at all.
type Value struct{ value ast.Value }

// NewValue reads JSON. Names must be unique, text valid UTF-8, and numbers within bounds.
func NewValue(raw jsontext.Value) (Value, error) {
	v, err := valueOf(raw)
	return Value{v}, err
}

// A DataQuestion asks for a document below data, as OPA's Data API does.
type DataQuestion struct {
	// Path are the names that lead to it; without any, it is all that may be read. A name
	// that is a whole number is one, as for OPA.
	Path []string
	// Input is the caller's. Common is merged into it where both are objects: what Input says
	// wins.
	Input, Common Value
	// Session puts who asks at input.session and input.credential, in the place of whatever
	// the caller says there. An input that is no object has no room for it.
	Session bool
	// Strict makes an error of a built-in end the evaluation; else its expression is undefined.
	Strict bool
	// Metrics and Instrument ask for measures of the evaluation, by OPA's names.
	Metrics, Instrument bool
	// Taken are the bytes that other documents of the same answer take of [MaxDocument].
	Taken int
}

// room is how many bytes the document may have.
func (q *DataQuestion) room() int { return MaxDocument - q.Taken }

// A Document is what was asked for.
type Document struct {
	// JSON is the document, nil where it is undefined; Undefined then says so in OPA's words.
	JSON      []byte
	Undefined string
	// Kind is the kind of value that it is: true and false, null, number, string, array (which
	// sets are, too), object, undefined.
	Kind string
	// Allow is whether the document is true, or an object whose allow is, and Deny whether it
	// or its allow is false. Most documents decide nothing.
	Allow, Deny bool
	// Metrics are nil where nobody asked for them.
	Metrics map[string]any
}

// A DataError is why there is no document. Its texts are for the caller, and not for a log:
// they are the evaluator's own, which quote operands.
type DataError struct {
	// Code is policy_denied for what may not be read, request_malformed for a path that leads
	// nowhere, or why an evaluation gave nothing.
	Code    decision.Code
	Message string
	Details []DataDetail
	cause   error
}

// A DataDetail is one error of an evaluation, and where it happened.
type DataDetail struct {
	Code, Message string
	File          string
	Row, Col      int
}

// Error is fit for a log.
func (e *DataError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return string(e.Code)
}

// Unwrap is the cause, without what it quotes.
func (e *DataError) Unwrap() error { return e.cause }

// maxNames bounds the path of a document. The compiler takes more than linear time for
// longer ones.
const maxNames = 256

// hidden are the documents at the top of data that only rules read: the model names the
// customers, and the library's rules are true for much less than its decisions are.
var hidden = []string{"model", "postern"}

// Hidden returns the names that [Options.Readable] may hold.
func Hidden() []string { return slices.Clone(hidden) }

// Data evaluates the document at a path, within the bound. It is OPA's answer to the same
// question, except that what is hidden cannot be read. An error is a [*DataError].
func (p *Policy) Data(ctx context.Context, in Input, q *DataQuestion) (*Document, error) {
	if err := p.data.refuses(q.Path); err != nil {
		return nil, err
	}
	ctx, cancel := in.bounded(ctx)
	defer cancel()
	found, err := run(ctx, p.bound, func(ctx context.Context) (*Document, error) {
		input, err := q.input(p.gated(in))
		if err != nil {
			return nil, &DataError{Code: decision.RequestMalformed, Message: err.Error(), cause: err}
		}
		return p.data.document(ctx, input, in, q)
	})
	if err != nil {
		err := dataError(err)
		p.data.withhold(q.Path, err)
		return nil, err
	}
	return found, nil
}

// Defines reports whether a bundle has rules or data at a path, or may have. Where it has
// not, nothing needs to be prepared or kept to say that the document is undefined.
func (p *Policy) Defines(path []string) bool {
	ref := dataRef(path)
	return p.data.store.Size(path) > 0 || len(p.data.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true})) > 0
}

// refuses is why a path is not evaluated.
func (d *data) refuses(path []string) error {
	if len(path) > maxNames {
		return &DataError{Code: decision.RequestMalformed, Message: fmt.Sprintf("the path has more than %d names", maxNames)}
	}
	if len(path) > 0 && slices.Contains(hidden, path[0]) && !slices.Contains(d.readable, path[0]) {
		return &DataError{Code: decision.PolicyDenied, Message: fmt.Sprintf("data.%s is for policies alone; opa.readable can give it out", path[0])}
	}
	return nil
}

// input is what the evaluator gets, nil for none.
func (q *DataQuestion) input(in Input) (ast.Value, error) {
	value := merged(q.Common.value, q.Input.value)
	if !q.Session {
		return value, nil
	}
	if value == nil {
		value = ast.NewObject()
	}
	object, ok := value.(ast.Object)
	if !ok {
		return value, nil
	}
	session := null
	if in.Subject != nil {
		var err error
		if session, err = in.Subject.document(func(string) bool { return true }); err != nil {
			return nil, err
		}
	}
	object = shallow(object)
	object.Insert(ast.InternedTerm("session"), session)
	object.Insert(ast.InternedTerm("credential"), in.credential())
	return object, nil
}

// merged is own, with what only common says where both are objects.
func merged(common, own ast.Value) ast.Value {
	below, ok1 := common.(ast.Object)
	above, ok2 := own.(ast.Object)
	if !ok1 || !ok2 {
		return own
	}
	both := shallow(below)
	above.Foreach(func(name, value *ast.Term) {
		if before := below.Get(name); before != nil {
			value = ast.NewTerm(merged(before.Value, value.Value))
		}
		both.Insert(name, value)
	})
	return both
}

// shallow is an object with the same members, which others can be added to.
func shallow(object ast.Object) ast.Object {
	made := ast.NewObject()
	object.Foreach(func(name, value *ast.Term) { made.Insert(name, value) })
	return made
}

// document evaluates what a path leads to.
func (d *data) document(ctx context.Context, input ast.Value, in Input, q *DataQuestion) (*Document, error) {
	e := evaluation{data: d, input: input, now: in.Now, question: q, metrics: metrics.NoOp(), room: &room{ctx: ctx, left: q.room()}}
	if q.Metrics || q.Instrument {
		e.metrics = metrics.New()
	}
	found, err := e.all(ctx)
	if err != nil {
		return nil, err
	}
	if q.Metrics || q.Instrument {
		found.Metrics = e.metrics.All()
	}
	return found, nil
}

// dataError says what went wrong to the caller, and less of it to the log.
func dataError(err error) *DataError {
	var known *DataError
	var evaluated *topdown.Error
	var compiled ast.Errors
	var several rego.Errors
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errTimeout), topdown.IsCancel(err):
		return &DataError{
			Code: decision.PolicyTimeout, Message: evaluationFailed, cause: errTimeout,
			Details: []DataDetail{{Code: topdown.CancelErr, Message: "the evaluation took longer than policy.deadline allows"}},
		}
	case errors.Is(err, errTooLong):
		return &DataError{Code: decision.PolicyError, Message: errTooLong.Error(), cause: errTooLong}
	case errors.Is(err, errOverloaded):
		return &DataError{Code: decision.Overloaded, Message: errOverloaded.Error(), cause: err}
	case errors.As(err, &evaluated):
		return &DataError{Code: decision.PolicyError, Message: evaluationFailed, Details: []DataDetail{detailOf(evaluated)}, cause: discreet(err)}
	case errors.As(err, &compiled), errors.As(err, &several):
		// It quotes the path, which is the caller's.
		return &DataError{Code: decision.PolicyError, Message: err.Error(), cause: errors.New("the path cannot be evaluated")}
	default:
		return &DataError{Code: decision.PolicyError, Message: evaluationFailed, cause: discreet(err)}
	}
}

// evaluationFailed is OPA's word for it.
const evaluationFailed = "error(s) occurred while evaluating query"

// detailOf is an error of the evaluator. One in the library says no more than its place: its
// message quotes values of rules that may not be read.
func detailOf(e *topdown.Error) DataDetail {
	detail := DataDetail{Code: e.Code, Message: e.Message}
	if e.Location == nil {
		return detail
	}
	detail.File, detail.Row, detail.Col = e.Location.File, e.Location.Row, e.Location.Col
	if file, ok := inLibrary(e.Location.File); ok {
		detail.File, detail.Message = "library:"+file, "a rule of the library failed"
	}
	return detail
}
