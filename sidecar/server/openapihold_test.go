package server_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// hold says what of an exchange is not as it is described.
func (c *contract) hold(e *exchange) error {
	if e.Header.Get("Content-Encoding") == "gzip" {
		if err := e.unpack(); err != nil {
			return err
		}
	}
	d, err := c.find(e)
	unlisted := c.Components.Responses["NoSuchEndpoint"].Value
	switch {
	case c.foreign && (d == nil && err == nil || err != nil && !slices.Contains(methods, e.method)):
		return nil
	case c.foreign && e.Code == http.StatusNotFound && c.holdAnswer(e, "#/components/responses/NoSuchEndpoint", unlisted) == nil:
		return nil
	case err != nil:
		return err
	case d == nil && e.Code != http.StatusNotFound:
		return errors.New("the path is not described, and the status is no 404")
	case d == nil:
		return c.holdAnswer(e, "#/components/responses/NoSuchEndpoint", unlisted)
	}
	if err := c.answered(d, e.Code); err != nil {
		return err
	}
	if !c.foreign && e.understood(d.path) {
		if err := c.holdRequest(e, d); err != nil {
			return fmt.Errorf("the request was answered and is not described: %w", err)
		}
	}
	if err := c.holdAnswer(e, d.place, d.response.Value); err != nil {
		return err
	}
	c.saw(d, e.Code)
	return nil
}

// saw remembers that an answer was given. What is said of methods that are not listed is said
// at each of those that are.
func (c *contract) saw(d *described, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[d.name(d.status(code))] = true
	for method, op := range d.item.Operations() {
		if other := op.Responses.Value("405"); code == http.StatusMethodNotAllowed && other != nil && other.Ref == d.response.Ref {
			c.seen[method+" "+d.path+" 405"] = true
		}
	}
}

// unpack unpacks a body that came as gzip.
func (e *exchange) unpack() error {
	r, err := gzip.NewReader(strings.NewReader(e.Body))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(r)
	e.Body = string(plain)
	return err
}

// understood reports whether a request was one that the door can read. nginx is told no more
// than that it is denied.
func (e *exchange) understood(path string) bool {
	switch e.Code {
	case 400, 405, 408, 413, 431, 505:
		return false
	}
	return path != "/auth-request" || e.Code != 403
}

// holdRequest wants a request as it is described.
func (c *contract) holdRequest(e *exchange, d *described) error {
	_, raw, _ := strings.Cut(e.target, "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	header := http.Header{}
	for i := 0; i+1 < len(e.headers); i += 2 {
		header.Add(e.headers[i], e.headers[i+1])
	}
	for place, p := range d.parameters() {
		var values []string
		switch p.Value.In {
		case "header":
			values = header.Values(p.Value.Name)
		case "query":
			values = query[p.Value.Name]
		case "path":
			values = []string{d.params[p.Value.Name]}
		}
		if p.Value.Required && len(values) == 0 {
			return fmt.Errorf("parameter %s is missing", p.Value.Name)
		}
		for _, value := range values {
			if err := c.fits(place+"/schema", value); err != nil {
				return fmt.Errorf("parameter %s: %w", p.Value.Name, err)
			}
		}
	}
	body := d.operation.RequestBody
	switch {
	case body == nil && e.body != "" && !anyMethod[d.path]:
		return errors.New("a body where none is described")
	case body == nil || body.Value.Content["application/json"] == nil || e.body == "" && !body.Value.Required:
		return nil
	}
	return c.shape(d.at()+"/requestBody", "application/json", e.body)
}

// parameters are those of an operation and of its path, by where they stand in the text.
func (d *described) parameters() map[string]*openapi3.ParameterRef {
	all := map[string]*openapi3.ParameterRef{}
	add := func(at string, of openapi3.Parameters) {
		for i, p := range of {
			place := p.Ref
			if place == "" {
				place = at + "/parameters/" + strconv.Itoa(i)
			}
			all[place] = p
		}
	}
	add(path.Dir(d.at()), d.item.Parameters)
	add(d.at(), d.operation.Parameters)
	return all
}

// ofHTTP are headers that any answer of HTTP may have.
var ofHTTP = map[string]bool{"Connection": true, "Content-Length": true, "Content-Type": true, "Date": true}

// holdAnswer wants those headers that are described, and no others, and a body where one is,
// of the type and the shape that are.
func (c *contract) holdAnswer(e *exchange, place string, response *openapi3.Response) error {
	names := map[string]bool{}
	for name, header := range response.Headers {
		name = http.CanonicalHeaderKey(name)
		names[name] = true
		values := e.Header.Values(name)
		if len(values) > 1 && !c.foreign || len(values) == 0 && header.Value.Required {
			return fmt.Errorf("header %s is there %d times", name, len(values))
		}
		for _, value := range values {
			if err := c.fits(header.Ref+"/schema", value); err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
		}
	}
	for name := range e.Header {
		if !names[name] && !ofHTTP[name] && !c.foreign {
			return fmt.Errorf("header %s is not described", name)
		}
	}
	mediaType, _, _ := strings.Cut(e.Header.Get("Content-Type"), ";")
	switch {
	case e.Body == "" && (e.method == http.MethodHead || response.Extensions["x-body-optional"] == true):
		return nil
	case len(response.Content) == 0 && e.Body == "" && mediaType == "":
		return nil
	case response.Content[mediaType] == nil:
		return fmt.Errorf("a body of type %q is not described", mediaType)
	}
	return c.shape(place, mediaType, e.Body)
}

// fits holds a value against the schema at a place of the text.
func (c *contract) fits(place string, value any) error {
	c.mu.Lock()
	schema, err := c.schemas.Compile(schemaBase + place)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// shape holds a body of JSON, or else the text of one, against what is said at a place.
func (c *contract) shape(place, mediaType, body string) error {
	var value any = body
	if mediaType == "application/json" {
		var err error
		if value, err = jsonschema.UnmarshalJSON(strings.NewReader(body)); err != nil {
			return err
		}
	}
	return c.fits(place+"/content/"+strings.ReplaceAll(mediaType, "/", "~1")+"/schema", value)
}
