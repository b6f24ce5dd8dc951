package request

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
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
// What is of such a type and cannot be read is an error, whose text is for a developer, and so
// is a body whose Content-Length is no number.
//
// OPA-Envoy takes the last of several members of one name, and media types in lower case
// alone. The upstream may do otherwise, so that here the first is an error and the second
// is no difference.
func (p Proxied) Content() (Content, error) {
	if p.Body == nil || len(p.Body.Raw) == 0 && !p.Body.Partial {
		return Content{Unread: !p.bodiless()}, nil
	}
	if length, stated := p.value("content-length"); stated {
		if _, err := strconv.ParseUint(strings.TrimSpace(length), 10, 63); err != nil {
			return Content{}, errors.New("content-length is no number")
		}
	}
	if p.Body.Partial {
		return Content{Truncated: true, Unread: true}, nil
	}
	mediaType, _ := p.value("content-type")
	read, err := reader(mediaType)
	if err == nil && read == nil {
		return Content{Unread: true}, nil
	}
	if coding, _ := p.value("content-encoding"); err == nil && coding != "" && !strings.EqualFold(coding, "identity") {
		err = errors.New("it has a content-encoding")
	}
	if err != nil {
		return Content{}, fmt.Errorf("the body cannot be read: %w", err)
	}
	value, err := read(mediaType, p.Body.Raw)
	if err != nil {
		return Content{}, fmt.Errorf("the body cannot be read: %w", err)
	}
	return Content{Value: value, Unread: value == nil}, nil
}

// The media types that are read, and gRPC's, which is not: that takes the descriptors of the
// upstream's messages.
const (
	typeJSON  = "application/json"
	typeGRPC  = "application/grpc"
	typeForm  = "application/x-www-form-urlencoded"
	typeParts = "multipart/form-data"
)

// reader is what reads bodies of a media type, or nil. A Content-Type that names two of them,
// or a form behind something else, is an error, and so is a character set in which the
// octets may be other characters: the upstream could take the body for something else.
func reader(mediaType string) (func(mediaType string, raw []byte) (any, error), error) {
	lowered := strings.ToLower(mediaType)
	found := ""
	for _, known := range []string{typeJSON, typeGRPC, typeForm, typeParts} {
		switch {
		case !strings.Contains(lowered, known):
		case found != "", (known == typeForm || known == typeParts) && !strings.HasPrefix(lowered, known):
			return nil, errors.New("content-type names several media types")
		default:
			found = known
		}
	}
	if found != "" && !isUTF8(lowered) {
		return nil, errors.New("its character set is not UTF-8")
	}
	switch found {
	case typeJSON:
		return func(_ string, raw []byte) (any, error) { return ReadJSON(raw) }, nil
	case typeForm:
		return func(_ string, raw []byte) (any, error) { return readForm(raw) }, nil
	case typeParts:
		return readMultipart, nil
	default:
		return nil, nil
	}
}

// isUTF8 reports whether every character set that a media type in lower case names is UTF-8
// or a part of it.
func isUTF8(mediaType string) bool {
	for parameter := range strings.SplitSeq(mediaType, ";") {
		_, set, named := strings.Cut(parameter, "charset")
		switch strings.Trim(set, "= \t\"'") {
		case "utf-8", "utf8", "us-ascii":
		default:
			if named {
				return false
			}
		}
	}
	return true
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
