package request

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/requirement"
)

// A Question is what POST /v1/check asks: a requirement, or an action. Resource and
// Context are what the caller told policy besides, nil where it told nothing.
type Question struct {
	Require  requirement.Requirement
	Action   string
	Resource jsontext.Value
	Context  jsontext.Value

	normal jsontext.Value
}

// Normal is the question as it was understood, without Resource and Context: the normalised
// requirement, {"any": [...]}, or {"action": ...}.
func (q *Question) Normal() jsontext.Value {
	if q.normal != nil {
		return q.normal
	}
	if q.Action == "" {
		return q.Require.AppendJSON(nil)
	}
	text, err := jsontext.AppendQuote([]byte(`{"action":`), q.Action)
	if err != nil {
		return nil
	}
	return append(text, '}')
}

// maxParts bounds the plain terms of a question, so that deciding it is quick.
const maxParts = 256

// maxAction bounds the name of an action, in bytes.
const maxAction = 256

// ParseCheck reads the body of POST /v1/check: one object with the keys of a
// requirement, or an action, besides resource and context. Unknown and repeated keys,
// bad UTF-8 and whatever follows the object are errors; their texts are for the caller.
func ParseCheck(body []byte) (Question, error) {
	if err := CheckBounds(body); err != nil {
		return Question{}, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	q, err := readQuestion(dec)
	if err != nil {
		return Question{}, err
	}
	return q, atEnd(dec)
}

// ParseChecks reads the body of POST /v1/checks, {"checks": [...]}, with at most limit
// questions. One that is none spoils the whole: a batch is read, or not.
func ParseChecks(body []byte, limit int) ([]Question, error) {
	if err := CheckBounds(body); err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if err := expect(dec, '{', "the body is no object"); err != nil {
		return nil, err
	}
	var questions []Question
	asked := false
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, Malformed(err)
		}
		if name.String() != "checks" {
			return nil, requirement.UnknownKey(name.String(), "checks")
		}
		asked = true
		if questions, err = readQuestions(dec, limit); err != nil {
			return nil, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, Malformed(err)
	}
	if !asked {
		return nil, errors.New(`"checks" is missing`)
	}
	return questions, atEnd(dec)
}

func readQuestions(dec *jsontext.Decoder, limit int) ([]Question, error) {
	if err := expect(dec, '[', `"checks" is no list`); err != nil {
		return nil, err
	}
	questions := []Question{}
	for dec.PeekKind() != ']' {
		if len(questions) == limit {
			return nil, fmt.Errorf(`"checks" holds more than %d questions`, limit)
		}
		q, err := readQuestion(dec)
		if err != nil {
			return nil, fmt.Errorf("checks[%d]: %w", len(questions), err)
		}
		questions = append(questions, q)
	}
	_, err := dec.ReadToken()
	return questions, Malformed(err)
}

// readQuestion reads one object.
func readQuestion(dec *jsontext.Decoder) (Question, error) {
	if err := expect(dec, '{', "a question is an object"); err != nil {
		return Question{}, err
	}
	var q Question
	var require requirement.Builder
	for dec.PeekKind() != '}' {
		name, taken, err := require.Next(dec)
		if err != nil {
			return Question{}, err
		}
		if taken {
			continue
		}
		if err := q.member(dec, name); err != nil {
			return Question{}, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return Question{}, Malformed(err)
	}
	if q.Action != "" && require.Asked() {
		return Question{}, errors.New(`"action" stands beside a requirement; ask them one by one`)
	}
	q.Require = require.Requirement()
	if n := q.Require.Parts(); n > maxParts {
		return Question{}, fmt.Errorf("the question comes to %d plain requirements; at most %d are decided", n, maxParts)
	}
	q.normal = q.Normal()
	return q, nil
}

// member reads the value of a key that is none of a requirement's.
func (q *Question) member(dec *jsontext.Decoder, name string) (err error) {
	switch name {
	case "action":
		q.Action, err = readAction(dec)
	case "resource":
		q.Resource, err = readDocument(dec, name)
	case "context":
		q.Context, err = readDocument(dec, name)
	default:
		err = requirement.UnknownKey(name, "action", "resource", "context")
	}
	return err
}

func readAction(dec *jsontext.Decoder) (string, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return "", Malformed(err)
	}
	if token.Kind() != '"' || token.String() == "" || len(token.String()) > maxAction {
		return "", fmt.Errorf(`"action" is no name of 1 to %d bytes`, maxAction)
	}
	return token.String(), nil
}

// readDocument reads an object that only policy looks into.
func readDocument(dec *jsontext.Decoder, name string) (jsontext.Value, error) {
	if dec.PeekKind() != '{' {
		return nil, fmt.Errorf("%q is no object", name)
	}
	value, err := dec.ReadValue()
	if err != nil {
		return nil, Malformed(err)
	}
	return value.Clone(), nil
}

// expect reads one opening token.
func expect(dec *jsontext.Decoder, kind jsontext.Kind, otherwise string) error {
	if k := dec.PeekKind(); k != kind && k != 0 {
		return errors.New(otherwise)
	}
	_, err := dec.ReadToken()
	return Malformed(err)
}
