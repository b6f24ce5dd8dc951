package authzen

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/request"
)

// A draft is an evaluation as far as it was read. What is there has the right types; what
// is missing may still come.
type draft struct {
	Evaluation
	// subject, action and resource say what is missing of each, "" for nothing.
	subject, action, resource string
	// searched is what a search looks for: its id and name are not read.
	searched Kind
}

func newDraft(searched Kind) draft {
	return draft{subject: "subject is missing", action: "action is missing", resource: "resource is missing", searched: searched}
}

// member reads a member of a request. One that is there twice, as a default and in an item,
// is replaced whole. Unknown ones are left to the caller.
func (d *draft) member(name string, value jsontext.Value) (err error) {
	switch {
	case name == "subject":
		d.Subject, d.subject, err = readEntity(name, value, d.searched == Subjects)
	case name == "resource":
		d.Resource, d.resource, err = readEntity(name, value, d.searched == Resources)
	case name == "action" && d.searched != Actions:
		d.Action, d.action, err = readAction(value)
	case name == "context":
		d.Context, err = readObject(theBody, name, value)
	}
	return err
}

// complete is the evaluation, or an error that says what is missing.
func (d *draft) complete() (Evaluation, error) {
	for _, missing := range []string{d.subject, d.action, d.resource} {
		if missing != "" {
			return Evaluation{}, errors.New(missing)
		}
	}
	return d.Evaluation, nil
}

// readEntity reads a subject or a resource. Of one that is searched for, the id is not
// looked at.
func readEntity(name string, value jsontext.Value, searched bool) (e Entity, missing string, err error) {
	typed, identified := false, searched
	err = members(name, value, func(key string, value jsontext.Value) (err error) {
		switch {
		case key == "type":
			typed = true
			e.Type, err = readText(name, key, value)
		case key == "id" && !searched:
			identified = true
			e.ID, err = readText(name, key, value)
		case key == "properties":
			e.Properties, err = readObject(name, key, value)
		}
		return err
	})
	switch {
	case !typed:
		missing = name + `.type is missing`
	case !identified:
		missing = name + `.id is missing`
	}
	return e, missing, err
}

func readAction(value jsontext.Value) (a Action, missing string, err error) {
	missing = "action.name is missing"
	err = members("action", value, func(key string, value jsontext.Value) (err error) {
		switch key {
		case "name":
			missing = ""
			a.Name, err = readText("action", key, value)
		case "properties":
			a.Properties, err = readObject("action", key, value)
		}
		return err
	})
	return a, missing, err
}

// readObject reads what only policy looks into.
func readObject(holder, key string, value jsontext.Value) (jsontext.Value, error) {
	if value.Kind() != '{' {
		return nil, wrong(holder, key, "no object")
	}
	return value, nil
}

func readText(holder, key string, value jsontext.Value) (string, error) {
	if value.Kind() != '"' {
		return "", wrong(holder, key, "no text")
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return string(text), request.Malformed(err)
}

// theBody is what errors call the outermost object.
const theBody = "the body"

// wrong is the error for a member of the wrong type.
func wrong(holder, key, is string) error {
	if holder == theBody {
		return fmt.Errorf("%s is %s", key, is)
	}
	return fmt.Errorf("%s.%s is %s", holder, key, is)
}

// members calls visit with the members of the object in text, in their order, and ends with
// the first error. Values are parts of text. The name is what the object is called in
// errors.
func members(name string, text []byte, visit func(key string, value jsontext.Value) error) error {
	// The decoder reads from a Buffer where it stands, and does not change it.
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	if err := open(dec, '{', name, "no object"); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return request.Malformed(err)
		}
		key := token.String()
		value, err := next(dec, text)
		if err != nil {
			return err
		}
		if err := visit(key, value); err != nil {
			return err
		}
	}
	return closed(dec)
}

// elements is members for an array.
func elements(name string, text []byte, visit func(value jsontext.Value) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	if err := open(dec, '[', name, "no array"); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		value, err := next(dec, text)
		if err != nil {
			return err
		}
		if err := visit(value); err != nil {
			return err
		}
	}
	return closed(dec)
}

// next reads one value, and returns the part of text that it is.
func next(dec *jsontext.Decoder, text []byte) (jsontext.Value, error) {
	value, err := dec.ReadValue()
	if err != nil {
		return nil, request.Malformed(err)
	}
	end := dec.InputOffset()
	return text[end-int64(len(value)) : end : end], nil
}

func open(dec *jsontext.Decoder, kind jsontext.Kind, name, otherwise string) error {
	if k := dec.PeekKind(); k != kind && k != 0 {
		return fmt.Errorf("%s is %s", name, otherwise)
	}
	_, err := dec.ReadToken()
	return request.Malformed(err)
}

// closed reads the closing token, behind which nothing may stand.
func closed(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return request.Malformed(err)
	}
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errors.New("something follows the body")
	default:
		return request.Malformed(err)
	}
}

// body checks what a request brought, and returns a copy that can be kept.
func body(text []byte) ([]byte, error) {
	if err := request.CheckBounds(text); err != nil {
		return nil, err
	}
	return bytes.Clone(text), nil
}
