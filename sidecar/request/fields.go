package request

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// A field is a header field: its name in any case, and its value as it was sent.
type field struct{ name, value []byte }

// is reports whether the field has the name, in any case.
func (f field) is(name string) bool { return SameName(f.name, name) }

// Fields iterates over the headers as the proxy handed them on, credentials and all. Several
// of a name may come one by one or joined with a comma.
func (p Proxied) Fields(yield func(name, value []byte) bool) {
	for _, f := range p.fields {
		if !yield(f.name, f.value) {
			return
		}
	}
}

// WithField is p with one more header field, for a caller that no proxy has asked.
func (p Proxied) WithField(name, value string) Proxied {
	p.fields = append(slices.Clip(p.fields), field{[]byte(name), []byte(value)})
	return p
}

// manyFields is room for those of an ordinary request.
const manyFields = 32

// fieldsOf are the headers of an HTTP request, each as it was sent: fasthttp's own list
// joins cookies, and leaves some of them out. A line that goes on in the next is an error:
// readers differ in what they make of it (RFC 9112 section 5.2).
func fieldsOf(h *fasthttp.RequestHeader) ([]field, error) {
	fields := make([]field, 0, manyFields)
	raw := h.RawHeaders()
	if len(raw) == 0 { // made, and not read
		for name, value := range h.All() {
			fields = append(fields, field{name, value})
		}
		return fields, nil
	}
	for line := range bytes.Lines(raw) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if blank := len(bytes.TrimRight(line, "\r\n")) == 0; !ok && !blank || line[0] == ' ' || line[0] == '\t' {
			return nil, errors.New("a header line has no colon, or goes on in the next")
		} else if !blank {
			fields = append(fields, field{name, bytes.Trim(value, " \t\r\n")})
		}
	}
	return fields, nil
}

// has reports whether a header is there, be it empty.
func (p *Proxied) has(name string) bool {
	return slices.ContainsFunc(p.fields, func(f field) bool { return f.is(name) })
}

// one is the value of a header that must be there, once and not empty.
func (p *Proxied) one(name string) (said, error) {
	value, err := p.optional(name)
	if err == nil && value.value == "" {
		err = fmt.Errorf("%s is missing", name)
	}
	return value, err
}

// optional is the value of a header that may be there once.
func (p *Proxied) optional(name string) (said, error) {
	found, n := said{name: name}, 0
	for _, f := range p.fields {
		if f.is(name) {
			found.value, n = string(f.value), n+1
		}
	}
	if n > 1 {
		return said{}, fmt.Errorf("%s is there %d times", name, n)
	}
	return found, nil
}

// withheld are headers that policies do not see: credentials, and those about the question
// rather than the request that it is about.
var withheld = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true,
	"host": true, "connection": true, "content-length": true, "transfer-encoding": true,
	strings.ToLower(forwardedMethod): true, strings.ToLower(forwardedURI): true,
	strings.ToLower(forwardedHost): true, strings.ToLower(forwardedProto): true,
	strings.ToLower(originalMethod): true, strings.ToLower(originalURI): true,
	strings.ToLower(originalURL): true,
}

// Headers are the request's own headers by their names in lower case. Credentials and what
// the doors themselves read are not among them.
func (p Proxied) Headers() map[string]string {
	return p.joined(func(name string) bool { return !withheld[name] && !strings.HasPrefix(name, ":") })
}

// joined are the headers that are wanted by their names in lower case, as Envoy has them:
// several of a name are joined with a comma, cookies with a semicolon, and what is no UTF-8
// is replaced.
func (p Proxied) joined(wanted func(name string) bool) map[string]string {
	headers := make(map[string]string, len(p.fields))
	for _, f := range p.fields {
		name := strings.ToLower(string(f.name))
		if !wanted(name) {
			continue
		}
		text := strings.ToValidUTF8(string(f.value), "!")
		if before, ok := headers[name]; ok {
			separator := ","
			if name == "cookie" {
				separator = "; "
			}
			text = before + separator + text
		}
		headers[name] = text
	}
	return headers
}

// value is that of one header, several joined with a comma.
func (p Proxied) value(name string) (text string, stated bool) {
	for _, f := range p.fields {
		if !f.is(name) {
			continue
		}
		if stated {
			text += ","
		}
		text, stated = text+string(f.value), true
	}
	return text, stated
}
