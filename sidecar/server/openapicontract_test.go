package server_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"postern/sidecar/config"
	"postern/sidecar/openapi"
)

// A contract is a description that exchanges are held against. It remembers what of it
// took place. Bodies are held against the schemas as they stand in the text: what the
// library for OpenAPI makes of those takes null for no value at all.
type contract struct {
	*openapi3.T
	// foreign is whether it is another server's that is asked: doors may be closed there, and
	// policies may set headers of their own.
	foreign bool
	mu      sync.Mutex // guards what follows
	schemas *jsonschema.Compiler
	seen    map[string]bool
}

// contractOf is the description that a server gives of itself.
func contractOf(s *sidecar) *contract {
	s.t.Helper()
	a := s.do("GET", "/openapi.json", "")
	if a.Code != 200 {
		s.t.Fatalf("GET /openapi.json: %d %s", a.Code, a.Body)
	}
	c, err := readContract(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func readContract(text string) (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	schemas := jsonschema.NewCompiler()
	schemas.DefaultDraft(jsonschema.Draft2020)
	if err := schemas.AddResource(schemaBase, value); err != nil {
		return nil, err
	}
	return &contract{T: doc, schemas: schemas, seen: map[string]bool{}}, nil
}

// every is the description of a server with all doors.
var every = sync.OnceValues(func() (*contract, error) {
	l := openapi.Listener{Identity: map[string]string{}}
	for field := range reflect.TypeFor[config.Doors]().Fields() {
		l.Doors = append(l.Doors, field.Tag.Get("key"))
	}
	text, err := l.Describe()
	if err != nil {
		return nil, err
	}
	c, err := readContract(string(text))
	if err == nil {
		c.foreign = true
	}
	return c, err
})

// conforms fails the test where an answer is none of those that are described. Every test
// that asks a server of its own passes here.
func (s *sidecar) conforms(e *exchange) {
	s.t.Helper()
	c, err := every()
	if err == nil {
		err = c.hold(e)
	}
	if err != nil {
		s.t.Errorf("%s %.100s: %d %v %.200s is not described: %v", e.method, e.target, e.Code, e.Header, e.Body, err)
	}
}

// schemaBase is what the schemas' places are relative to. Nothing is fetched from there.
const schemaBase = "urn:postern:openapi"

// An exchange is a request as it was sent, and its answer. Headers are names and values in
// turn.
type exchange struct {
	method, target, body string
	headers              []string
	answer
}

// anyMethod are paths that answer a proxy's every method as GET.
var anyMethod = map[string]bool{"/forward-auth": true, "/auth-request": true}

// A described operation is what answers a request, and where its answer stands in the text.
type described struct {
	path, method string
	item         *openapi3.PathItem
	operation    *openapi3.Operation
	params       map[string]string // the values of the path's own parameters
	response     *openapi3.ResponseRef
	place        string
}

// name is that of the operation's answer with a status or a range of them.
func (d *described) name(status string) string { return d.method + " " + d.path + " " + status }

// find is the operation that a target leads to, nil for a path that is not described. A
// template that ends in {path} stands for all below, which OpenAPI has no word for.
func (c *contract) find(e *exchange) (*described, error) {
	target, _, _ := strings.Cut(e.target, "?")
	for template, item := range c.Paths.Map() {
		d := &described{path: template, item: item, method: e.method}
		if prefix, ok := strings.CutSuffix(template, "{path}"); ok && strings.HasPrefix(target, prefix) {
			d.params = map[string]string{"path": strings.TrimPrefix(target, prefix)}
		} else if template != target {
			continue
		}
		if anyMethod[template] {
			d.method = http.MethodGet
		}
		if d.operation = item.GetOperation(d.method); d.operation != nil {
			return d, nil
		}
		return d, d.otherMethod(e.Code)
	}
	return nil, nil
}

// otherMethod is the operation that says what is answered to methods of which nothing is
// said: that they are refused, unless the request was refused before its method was looked at.
func (d *described) otherMethod(code int) error {
	if !slices.Contains([]int{400, 401, 405, 408, 413, 431, 500, 503, 505}, code) {
		return fmt.Errorf("the method is not described, and the status is no 405 but %d", code)
	}
	for _, method := range slices.Sorted(maps.Keys(d.item.Operations())) {
		if op := d.item.GetOperation(method); op.Responses.Value("405") != nil {
			d.method, d.operation = method, op
			return nil
		}
	}
	return errors.New("the method is not described, and no other is said to be refused")
}

// status is what is said of one status: of itself, or of the range that it is in.
func (d *described) status(code int) string {
	status := strconv.Itoa(code)
	if d.operation.Responses.Value(status) == nil {
		return status[:1] + "XX"
	}
	return status
}

// answered finds what is said of the answer.
func (c *contract) answered(d *described, code int) error {
	status := d.status(code)
	if d.response = d.operation.Responses.Value(status); d.response == nil {
		return errors.New("the status is not described")
	}
	if d.place = d.response.Ref; d.place == "" {
		d.place = d.at() + "/responses/" + status
	}
	return nil
}

// at is where an operation stands in the text.
func (d *described) at() string {
	return "#/paths/" + url.PathEscape(strings.ReplaceAll(d.path, "/", "~1")) + "/" + strings.ToLower(d.method)
}

// covered fails the test where a response that is described did not take place, among the
// operations of some tags, but for the exceptions, each of which has its reason.
func (c *contract) covered(t *testing.T, exceptions map[string]string, tags ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, item := range c.Paths.Map() {
		for method, op := range item.Operations() {
			if !slices.ContainsFunc(op.Tags, func(tag string) bool { return slices.Contains(tags, tag) }) {
				continue
			}
			for status := range op.Responses.Map() {
				name := method + " " + path + " " + status
				reason, excepted := exceptions[name]
				switch {
				case c.seen[name] && excepted:
					t.Errorf("%s took place, and is an exception: %s", name, reason)
				case !c.seen[name] && !excepted:
					t.Errorf("%s is described, and nothing brings it about", name)
				}
				delete(exceptions, name)
			}
		}
	}
	for name := range exceptions {
		t.Errorf("%s is an exception, and not described", name)
	}
}
