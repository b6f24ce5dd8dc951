package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/authzen"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// ReadCase reads what [Policy.Keep] wrote. Unknown and repeated members are errors, and so is
// what no door would have let through.
func ReadCase(raw jsontext.Value) (*Case, error) { return ReadMasked(raw, nil) }

// ReadMasked is [ReadCase] of what a mask has left, by JSON pointers to what was taken out or
// replaced. Where a session lost what every session has, something stands for it: whether
// that matters, [Policy.Lacks] says.
func ReadMasked(raw jsontext.Value, masked []string) (*Case, error) {
	if len(raw) > MaxCase {
		return nil, errLargeCase
	}
	var d caseDocument
	if err := json.Unmarshal(raw, &d, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("read case: %w", err)
	}
	c := &Case{Input: Input{Now: d.Now, Credential: d.Credential, Trusted: d.Trusted}, kept: d.Request, masked: masked}
	if d.Session != nil {
		c.fill(d.Session)
	}
	if err := c.who(&d); err != nil {
		return nil, err
	}
	if err := c.what(&d); err != nil {
		return nil, err
	}
	return c, nil
}

// unknown stands for a name that a mask has taken out.
const unknown = "(masked)"

// fill puts something where a mask has taken out what no session is without.
func (c *Case) fill(s *session.Session) {
	if s.UserID == "" && c.hides("/session/user_id") {
		s.UserID = unknown
	}
	if s.Org != nil && s.Org.ID == "" && c.hides("/session/org/id") {
		s.Org.ID = unknown
	}
}

// hides reports whether a mask has been at a place, or around it.
func (c *Case) hides(place string) bool {
	return slices.ContainsFunc(c.masked, func(pointer string) bool {
		return pointer == place || strings.HasPrefix(place, pointer+"/")
	})
}

// who reads whom the decision was about.
func (c *Case) who(d *caseDocument) error {
	if d.Credential != "" && !d.Credential.Known() {
		return errors.New("read case: the credential's code is none")
	}
	if d.Session == nil {
		return nil
	}
	if d.Credential != "" || d.Trusted {
		return errors.New("read case: a session stands beside what says that there is none")
	}
	if err := d.Session.Complete(); err != nil {
		return fmt.Errorf("read case: %w", err)
	}
	subject, err := NewSubject(d.Session)
	if err != nil {
		return fmt.Errorf("read case: %w", err)
	}
	c.Input.Subject = subject
	return nil
}

// what reads what was asked: exactly one question.
func (c *Case) what(d *caseDocument) error {
	n := 0
	var err error
	if d.Check != nil {
		n++
		var q request.Question
		q, err = request.ParseCheck(d.Check)
		c.Check = &q
	}
	if d.Request != nil {
		n++
		if err == nil {
			c.Request, err = d.Request.Proxied()
		}
	}
	if e := d.Evaluation; e != nil {
		n++
		c.Evaluation = &authzen.Evaluation{
			Subject:  authzen.Entity(e.Subject),
			Action:   authzen.Action(e.Action),
			Resource: authzen.Entity(e.Resource),
			Context:  e.Context,
		}
	}
	if d.Data != nil {
		n++
		if err == nil {
			c.Data, err = d.Data.question()
		}
		c.withheld = d.Data.Withheld
	}
	if err != nil {
		return fmt.Errorf("read case: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("read case: it asks %d questions, and one can be decided", n)
	}
	if d.Trusted && d.Evaluation == nil {
		return errors.New("read case: nobody vouches for the subject of such a question")
	}
	return nil
}

func (k *caseData) question() (*DataQuestion, error) {
	q := &DataQuestion{Path: k.Path, Session: k.Session, Strict: k.Strict}
	for _, part := range []struct {
		from jsontext.Value
		to   *Value
	}{{k.Input, &q.Input}, {k.Common, &q.Common}} {
		if part.from == nil {
			continue
		}
		var err error
		if *part.to, err = NewValue(part.from); err != nil {
			return nil, err
		}
	}
	return q, nil
}
