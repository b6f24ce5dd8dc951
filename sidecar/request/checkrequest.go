package request

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/sidecar/decision"
)

// FromCheckRequest reads a request of Envoy's gRPC service. What it says twice must agree.
// The error is an [AmbiguousPath] where the path is at fault.
//
// Envoy puts an exclamation mark for every byte that is no UTF-8. In a path that shows only
// where it sends headers as they are (encode_raw_headers), by :path, which then differs.
func FromCheckRequest(r *authv3.CheckRequest) (Proxied, error) {
	h := r.GetAttributes().GetRequest().GetHttp()
	p := Proxied{Door: decision.DoorExtAuthzGRPC, Envoy: r.GetAttributes(), fields: envoyFields(h)}
	var err error
	if p.Body, err = envoyBody(h, p.fields); err != nil {
		return p, err
	}
	err = p.described(source{
		method: said{"the method", h.GetMethod()},
		scheme: said{"the scheme", h.GetScheme()},
		host:   said{"the host", h.GetHost()},
		target: said{"the path", h.GetPath()},
	})
	if err != nil {
		return p, err
	}
	if h.GetFragment() != "" || h.GetQuery() != "" && h.GetQuery() != p.Target.Query {
		return p, AmbiguousPath{errors.New("the path has a query or a fragment beside it")}
	}
	if err = distinct(h); err != nil {
		return p, err
	}
	return p, p.agrees()
}

// agrees compares the pseudo headers with what the request says of itself.
func (p *Proxied) agrees() error {
	for _, f := range p.fields {
		switch {
		case f.is(":path") && string(f.value) != p.Target.Raw:
			return AmbiguousPath{errors.New("the path and :path differ")}
		case f.is(":method") && string(f.value) != p.Method:
			return errors.New("the method and :method differ")
		case f.is(":scheme") && p.Scheme != "" && string(f.value) != p.Scheme:
			return errors.New("the scheme and :scheme differ")
		case (f.is(":authority") || f.is("host")) && !bytes.EqualFold(f.value, []byte(p.Authority)):
			return fmt.Errorf("the host and %s differ", f.name)
		}
	}
	return nil
}

// distinct refuses headers that are there twice, where Envoy has each once: in the map, whose
// names are in lower case, or in the list, but not in both. Which of them counts nobody
// could say.
func distinct(h *authv3.AttributeContext_HttpRequest) error {
	listed := h.GetHeaderMap().GetHeaders()
	for _, v := range listed {
		if len(v.GetRawValue()) > 0 && v.GetValue() != "" && v.GetValue() != string(v.GetRawValue()) {
			return errors.New("a header has two values in one")
		}
	}
	if len(listed) == 0 && lowerCase(h.GetHeaders()) {
		return nil
	}
	seen := make(map[string]bool, len(h.GetHeaders()))
	for name := range h.GetHeaders() {
		name = strings.ToLower(name)
		if seen[name] {
			return errors.New("headers has two names that differ in case")
		}
		seen[name] = true
	}
	for _, v := range listed {
		if seen[strings.ToLower(v.GetKey())] {
			return errors.New("headers and header_map have a name in common")
		}
	}
	return nil
}

func lowerCase(headers map[string]string) bool {
	for name := range headers {
		if strings.IndexFunc(name, func(r rune) bool { return 'A' <= r && r <= 'Z' }) >= 0 {
			return false
		}
	}
	return true
}

// envoyFields are the headers, from either of the two members that Envoy may fill, in an
// order that is the same every time. They are copied into one piece of memory.
func envoyFields(h *authv3.AttributeContext_HttpRequest) []field {
	listed := h.GetHeaderMap().GetHeaders()
	size := 0
	for name, value := range h.GetHeaders() {
		size += len(name) + len(value)
	}
	for _, v := range listed {
		size += len(v.GetKey()) + len(v.GetValue())
	}
	memory := make([]byte, 0, size)
	keep := func(s string) []byte {
		from := len(memory)
		memory = append(memory, s...)
		return memory[from:len(memory):len(memory)]
	}
	fields := make([]field, 0, len(h.GetHeaders())+len(listed))
	for name, value := range h.GetHeaders() {
		fields = append(fields, field{keep(name), keep(value)})
	}
	slices.SortFunc(fields, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	for _, v := range listed {
		value := v.GetRawValue()
		if len(value) == 0 {
			value = keep(v.GetValue())
		}
		fields = append(fields, field{keep(v.GetKey()), value})
	}
	return fields
}

// envoyBody is nil where Envoy was not told to send bodies, and where there is none.
func envoyBody(h *authv3.AttributeContext_HttpRequest, fields []field) (*Body, error) {
	raw := h.GetRawBody()
	if text := h.GetBody(); len(raw) == 0 {
		raw = []byte(text)
	} else if text != "" && text != string(raw) {
		return nil, errors.New("body and raw_body differ")
	}
	said, whole := bodyWord(fields)
	if len(raw) == 0 && (!said || whole && fits(raw, fields)) {
		return nil, nil
	}
	// Its size counts what Envoy has received, before filters changed it: no word on this.
	return &Body{Raw: raw, Partial: said && !whole || !fits(raw, fields)}, nil
}
