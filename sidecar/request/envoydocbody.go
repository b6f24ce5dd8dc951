package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxFormParts bounds the parts of a multipart body.
const maxFormParts = 1000

// A Content is what a body says, by OPA-Envoy's rules.
type Content struct {
	// Value is nil where nothing was read. It is JSON as it was sent, with unique names, valid
	// UTF-8, and no number or nesting that costs more than it says; or the fields of a form: a
	// list for each name, of texts, or of JSON.
	Value any
	// Truncated is whether the body may be less than the request's whole.
	Truncated bool
	// Unread is whether there is a body, or should be one, that Value does not tell of: it
	// is truncated, or of another media type than those that are read.
	Unread bool
}

// Content reads the body by its media type: application/json, a form, or multipart/form-data.
// What is of such a type and cannot be read is an error, whose text is for a developer.
//
// OPA-Envoy takes the last of several members of one name, and media types in lower case
// alone. The upstream may do otherwise, so that here the first is an error and the second
// is no difference.
func (p Proxied) Content() (Content, error) {
	said := p.joined()
	if p.Body == nil || len(p.Body.Raw) == 0 && !p.Body.Partial {
		length, _ := said["content-length"].(string)
		_, chunked := said["transfer-encoding"]
		return Content{Unread: strings.Trim(length, "0") != "" || chunked && p.Door == ExtAuthzGRPC}, nil
	}
	if p.Body.Partial {
		return Content{Truncated: true, Unread: true}, nil
	}
	mediaType, _ := said["content-type"].(string)
	read := reader(strings.ToLower(mediaType))
	if read == nil {
		return Content{Unread: true}, nil
	}
	value, err := read(mediaType, p.Body.Raw)
	if err != nil {
		return Content{}, fmt.Errorf("the body cannot be read: %w", err)
	}
	return Content{Value: value, Unread: value == nil}, nil
}

// reader is what reads bodies of a media type, or nil.
func reader(mediaType string) func(mediaType string, raw []byte) (any, error) {
	switch {
	case strings.Contains(mediaType, "application/json"):
		return func(_ string, raw []byte) (any, error) { return readJSON(raw) }
	case strings.Contains(mediaType, "application/grpc"):
		return nil // that takes the descriptors of the upstream's messages
	case strings.Contains(mediaType, "application/x-www-form-urlencoded"):
		return func(_ string, raw []byte) (any, error) { return readForm(raw) }
	case strings.Contains(mediaType, "multipart/form-data"):
		return readMultipart
	default:
		return nil
	}
}

// readJSON checks one JSON value and nothing else.
func readJSON(raw []byte) (any, error) {
	if err := checkBounds(raw); err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	value, err := dec.ReadValue()
	if err != nil {
		return nil, malformed(err)
	}
	value = value.Clone()
	if err := atEnd(dec); err != nil {
		return nil, err
	}
	return value, nil
}

func readForm(raw []byte) (any, error) {
	fields, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, errors.New("it is no form")
	}
	object := map[string]any{}
	for name, values := range fields {
		if !utf8.ValidString(name) || !utf8.ValidString(strings.Join(values, "")) {
			return nil, errors.New("the form has a text that is not valid UTF-8")
		}
		object[name] = texts(values)
	}
	return object, nil
}

// readMultipart reads the fields of a form. It is nil where the media type has no boundary.
func readMultipart(mediaType string, raw []byte) (any, error) {
	_, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return nil, errors.New("content-type is no media type")
	}
	boundary, ok := parameters["boundary"]
	if !ok {
		return nil, nil
	}
	object := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF { // and not wrapped, as it is where the last boundary is missing
			return object, nil
		}
		if err != nil {
			return nil, errors.New("it is no multipart form")
		}
		if n == maxFormParts {
			return nil, fmt.Errorf("it has more than %d parts", maxFormParts)
		}
		name := part.FormName()
		if name == "" {
			continue
		}
		value, err := readPart(part)
		if err != nil {
			return nil, err
		}
		list, _ := object[name].([]any)
		object[name] = append(list, value)
	}
}

func readPart(part *multipart.Part) (any, error) {
	raw, err := io.ReadAll(part)
	if err != nil {
		return nil, errors.New("it is no multipart form")
	}
	if strings.Contains(strings.ToLower(part.Header.Get("Content-Type")), "application/json") {
		return readJSON(raw)
	}
	return string(raw), nil // a file's octets too
}
