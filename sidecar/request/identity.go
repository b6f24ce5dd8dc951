package request

import (
	"errors"
	"fmt"
	"strings"

	"postern/sidecar/decision"
)

// CheckIdentity refuses a request that carries a twin of one of the headers that tell the
// upstream who the session is: another name that CGI and its descendants take for the same.
// No answer to an authorization request makes a proxy drop it. Nor may Connection name one,
// which would make the proxy drop ours (RFC 9110 section 7.6.1). The names are in lower case.
func (p *Proxied) CheckIdentity(names []string) error {
	for i := range p.fields {
		f := &p.fields[i]
		connection := f.is("connection")
		for _, name := range names {
			if len(f.name) == len(name) && decision.SameToCGI(f.name, name) && !f.is(name) {
				return fmt.Errorf("the request has a header that some upstreams take for %s", name)
			}
			if connection && lists(f.value, name) {
				return fmt.Errorf("Connection names %s", name)
			}
		}
	}
	return nil
}

// lists reports whether one of the words between commas is name.
func lists(value, name string) bool {
	for more := true; more; {
		var word string
		word, value, more = strings.Cut(value, ",")
		if SameName(strings.Trim(word, " \t"), name) {
			return true
		}
	}
	return false
}

// CheckUpgrade refuses a request that asks for HTTP/2 on its connection (Upgrade: h2c). Some
// proxies hand that on, and become a tunnel where the upstream agrees: what follows in it
// is asked about by nobody.
func (p *Proxied) CheckUpgrade() error {
	for i := range p.fields {
		if f := &p.fields[i]; f.is("upgrade") && strings.Contains(strings.ToLower(f.value), "h2c") {
			return errors.New("the request asks for a tunnel of HTTP/2")
		}
	}
	return nil
}
