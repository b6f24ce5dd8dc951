package request

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/sidecar/decision"
)

// ReadCheckRequest reads a request of Envoy's gRPC service into p. What it says twice must
// agree. The error is an [AmbiguousPath] where the path is at fault.
//
// Envoy puts an exclamation mark for every byte that is no UTF-8. In a path that shows only
// where it sends headers as they are (encode_raw_headers), by :path, which then differs.
func ReadCheckRequest(p *Proxied, r *authv3.CheckRequest) error {
	h := r.GetAttributes().GetRequest().GetHttp()
	p.Reset()
	p.Door, p.Envoy = decision.DoorExtAuthzGRPC, r.GetAttributes()
	plain := p.readEnvoyFields(h)
	if err := p.readEnvoyBody(h); err != nil {
		return err
	}
	err := p.described(source{
		method: said{"the method", h.GetMethod()},
		scheme: said{"the scheme", h.GetScheme()},
		host:   said{"the host", h.GetHost()},
		target: said{"the path", h.GetPath()},
	})
	if err != nil {
		return err
	}
	if h.GetFragment() != "" || h.GetQuery() != "" && h.GetQuery() != p.Target.Query {
		return AmbiguousPath{errors.New("the path has a query or a fragment beside it")}
	}
	if !plain {
		if err := distinct(h); err != nil {
			return err
		}
	}
	return p.agrees()
}

// agrees compares the pseudo headers with what the request says of itself.
func (p *Proxied) agrees() error {
	for i := range p.fields {
		switch f := &p.fields[i]; {
		case f.is(":path") && f.value != p.Target.Raw:
			return AmbiguousPath{errors.New("the path and :path differ")}
		case f.is(":method") && f.value != p.Method:
			return errors.New("the method and :method differ")
		case f.is(":scheme") && p.Scheme != "" && f.value != p.Scheme:
			return errors.New("the scheme and :scheme differ")
		case (f.is(":authority") || f.is("host")) && !strings.EqualFold(f.value, p.Authority):
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

// readEnvoyFields reads the headers from either of the two members that Envoy may fill, in
// an order that is the same every time. plain is whether they are in the map alone, with
// names that are in lower case, and so each there once.
func (p *Proxied) readEnvoyFields(h *authv3.AttributeContext_HttpRequest) (plain bool) {
	headers, listed := h.GetHeaders(), h.GetHeaderMap().GetHeaders()
	p.makeRoom(len(headers) + len(listed))
	plain = len(listed) == 0
	for name, value := range headers {
		p.fields = append(p.fields, field{name, value})
		plain = plain && lowerCase(name)
	}
	slices.SortFunc(p.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for _, v := range listed {
		value := view(v.GetRawValue())
		if value == "" {
			value = v.GetValue()
		}
		p.fields = append(p.fields, field{v.GetKey(), value})
	}
	return plain
}

// lowerCase reports whether a name has no capital letter of ASCII.
func lowerCase(name string) bool {
	for i := range len(name) {
		if name[i] != lower(name[i]) {
			return false
		}
	}
	return true
}

// readEnvoyBody finds none where Envoy was not told to send bodies, and where there is none.
func (p *Proxied) readEnvoyBody(h *authv3.AttributeContext_HttpRequest) error {
	raw := h.GetRawBody()
	if text := h.GetBody(); len(raw) == 0 {
		raw = []byte(text)
	} else if text != "" && text != string(raw) {
		return errors.New("body and raw_body differ")
	}
	said, whole := p.bodyWord()
	if len(raw) == 0 && (!said || whole && p.fits(raw)) {
		return nil
	}
	// Its size counts what Envoy has received, before filters changed it: no word on this.
	p.hold(raw, said && !whole || !p.fits(raw))
	return nil
}
