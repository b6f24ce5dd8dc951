package request

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// A field is a header field: its name in any case, and its value as it was sent.
type field struct{ name, value string }

// is reports whether the field has the name, in any case.
func (f *field) is(name string) bool { return len(f.name) == len(name) && SameName(f.name, name) }

// Fields iterates over the headers as the proxy handed them on, credentials and all. Several
// of a name may come one by one or joined with a comma.
func (p Proxied) Fields(yield func(name, value string) bool) {
	for _, f := range p.fields {
		if !yield(f.name, f.value) {
			return
		}
	}
}

// WithField is p with one more header field, for a caller that no proxy has asked.
func (p Proxied) WithField(name, value string) Proxied {
	p.fields = append(slices.Clip(p.fields), field{name, value})
	return p
}

// readFields reads the headers of an HTTP request, each as it was sent: fasthttp's own list
// joins cookies, and leaves some of them out. A line that goes on in the next is an error:
// readers differ in what they make of it (RFC 9112 section 5.2).
func (p *Proxied) readFields(h *fasthttp.RequestHeader) error {
	p.makeRoom(manyFields)
	rest := view(h.RawHeaders())
	if rest == "" { // made, and not read
		for name, value := range h.All() {
			p.fields = append(p.fields, field{view(name), view(value)})
		}
		return nil
	}
	for rest != "" {
		line := rest
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			line = rest[:end]
			rest = rest[end+1:]
		} else {
			rest = ""
		}
		colon := strings.IndexByte(line, ':')
		if colon < 0 && strings.Trim(line, "\r") == "" {
			continue
		}
		if colon < 0 || line[0] == ' ' || line[0] == '\t' {
			p.dropFields()
			return errors.New("a header line has no colon, or goes on in the next")
		}
		p.fields = append(p.fields, field{line[:colon], trimBlanks(line[colon+1:])})
	}
	return nil
}

// has reports whether a header is there, be it empty.
func (p *Proxied) has(name string) bool {
	for i := range p.fields {
		if p.fields[i].is(name) {
			return true
		}
	}
	return false
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
	for i := range p.fields {
		if f := &p.fields[i]; f.is(name) {
			found.value, n = f.value, n+1
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
		name := strings.ToLower(f.name)
		if !wanted(name) {
			continue
		}
		text := strings.ToValidUTF8(f.value, "!")
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
		text, stated = text+f.value, true
	}
	return text, stated
}
