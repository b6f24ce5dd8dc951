package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// A Case is all that one decision was made of, besides the policy: who asked, when, and one
// of the questions that there are. With it the decision can be made again.
type Case struct {
	Input      Input
	Check      *request.Question
	Request    *request.Proxied
	Evaluation *authzen.Evaluation
	Data       *DataQuestion

	// kept is what Request was read from, withheld whether input of Data was left out, and
	// masked are JSON pointers to what the decision log did without.
	kept     *request.Kept
	withheld []string
	masked   []string
}

// MaxCase bounds the JSON of a case, in bytes.
const MaxCase = 256 << 10

// errLargeCase: the case is not worth its room in a log.
var errLargeCase = errors.New("what was asked is too large to be kept")

// caseDocument is the JSON of a case.
type caseDocument struct {
	Now        time.Time        `json:"now"`
	Session    *session.Session `json:"session,omitzero"`
	Credential decision.Code    `json:"credential,omitzero"`
	Trusted    bool             `json:"trusted,omitzero"`
	Check      jsontext.Value   `json:"check,omitzero"`
	Request    *request.Kept    `json:"request,omitzero"`
	Evaluation *caseEvaluation  `json:"evaluation,omitzero"`
	Data       *caseData        `json:"data,omitzero"`
}

type caseEvaluation struct {
	Subject  caseEntity     `json:"subject"`
	Action   caseAction     `json:"action"`
	Resource caseEntity     `json:"resource"`
	Context  jsontext.Value `json:"context,omitzero"`
}

type caseEntity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id,omitzero"`
	Properties jsontext.Value `json:"properties,omitzero"`
}

type caseAction struct {
	Name       string         `json:"name"`
	Properties jsontext.Value `json:"properties,omitzero"`
}

type caseData struct {
	Path     []string       `json:"path"`
	Input    jsontext.Value `json:"input,omitzero"`
	Common   jsontext.Value `json:"common,omitzero"`
	Session  bool           `json:"session,omitzero"`
	Strict   bool           `json:"strict,omitzero"`
	Withheld []string       `json:"withheld,omitempty"` // names of members that were left out
}

// Keep is the JSON of a case that p decides: with what p reads of a request and no more,
// and without tokens, cookies and other credentials. It is an error where that is longer
// than [MaxCase].
func (p *Policy) Keep(c *Case) (jsontext.Value, error) {
	d := caseDocument{Now: c.Input.Now.UTC(), Credential: c.Input.Credential, Trusted: c.Input.Trusted}
	if c.Input.Subject != nil {
		d.Session = c.Input.Subject.Session
	}
	var err error
	switch {
	case c.Check != nil:
		if len(c.Check.Resource)+len(c.Check.Context) > MaxCase {
			return nil, errLargeCase
		}
		d.Check = c.Check.AppendJSON(nil)
	case c.Request != nil:
		if c.Request.Body != nil && len(c.Request.Body.Raw) > MaxCase {
			return nil, errLargeCase
		}
		d.Request, err = c.Request.Keep(p.reads.parts())
	case c.Evaluation != nil:
		d.Evaluation = keptEvaluation(c.Evaluation)
	case c.Data != nil:
		d.Data, err = c.Data.keep()
	default:
		err = errors.New("a case without a question")
	}
	if err != nil {
		return nil, err
	}
	text, err := jsonv2.Marshal(&d)
	if err != nil {
		return nil, fmt.Errorf("write case: %w", err)
	}
	if len(text) > MaxCase {
		return nil, errLargeCase
	}
	return text, nil
}

// parts are those of a request that a policy reads.
func (r reads) parts() request.Parts {
	return request.Parts{
		Headers: r.request, Query: r.query || r.envoyQuery, Body: r.body || r.envoyBody,
		Envoy: r.envoy,
	}
}

// keptEvaluation leaves out the id of a session, which is its token.
func keptEvaluation(e *authzen.Evaluation) *caseEvaluation {
	k := &caseEvaluation{
		Subject:  caseEntity(e.Subject),
		Action:   caseAction(e.Action),
		Resource: caseEntity(e.Resource),
		Context:  e.Context,
	}
	if k.Subject.Type == authzen.SessionType {
		k.Subject.ID = ""
	}
	return k
}

// keep leaves out the members of the input that may be credentials: clients send whole
// requests.
func (q *DataQuestion) keep() (*caseData, error) {
	k := &caseData{Path: q.Path, Session: q.Session, Strict: q.Strict}
	for _, part := range []struct {
		from ast.Value
		to   *jsontext.Value
	}{{q.Input.value, &k.Input}, {q.Common.value, &k.Common}} {
		if part.from == nil {
			continue
		}
		plain, err := ast.JSON(part.from)
		if err != nil {
			return nil, errors.New("the input cannot be written")
		}
		if *part.to, err = json.Marshal(k.without(plain)); err != nil {
			return nil, errors.New("the input cannot be written")
		}
	}
	slices.Sort(k.Withheld)
	return k, nil
}

// without takes credentials out of a value, which is changed, and notes their names.
func (k *caseData) without(value any) any {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			k.without(element)
		}
	case map[string]any:
		for name, member := range v {
			if !request.Secret(name) {
				k.without(member)
				continue
			}
			delete(v, name)
			if !slices.Contains(k.Withheld, name) {
				k.Withheld = append(k.Withheld, name)
			}
		}
	}
	return value
}
