package request

import (
	"bytes"
	"errors"
	"fmt"

	"postern/sidecar/decision"
)

// CheckIdentity refuses a request that carries a twin of one of the headers that tell the
// upstream who the session is: another name that CGI and its descendants take for the same.
// No answer to an authorization request makes a proxy drop it. Nor may Connection name one,
// which would make the proxy drop ours (RFC 9110 section 7.6.1). The names are in lower case.
func (p Proxied) CheckIdentity(names []string) error {
	for _, f := range p.fields {
		for _, name := range names {
			if !f.is(name) && decision.SameToCGI(f.name, name) {
				return fmt.Errorf("the request has a header that some upstreams take for %s", name)
			}
			if f.is("connection") && lists(f.value, name) {
				return fmt.Errorf("Connection names %s", name)
			}
		}
	}
	return nil
}

// lists reports whether one of the words between commas is name.
func lists(value []byte, name string) bool {
	for more := true; more; {
		var word []byte
		word, value, more = bytes.Cut(value, []byte{','})
		if SameName(bytes.Trim(word, " \t"), name) {
			return true
		}
	}
	return false
}

// CheckUpgrade refuses a request that asks for HTTP/2 on its connection (Upgrade: h2c). Some
// proxies hand that on, and become a tunnel where the upstream agrees: what follows in it
// is asked about by nobody.
func (p Proxied) CheckUpgrade() error {
	for _, f := range p.fields {
		if f.is("upgrade") && bytes.Contains(bytes.ToLower(f.value), []byte("h2c")) {
			return errors.New("the request asks for a tunnel of HTTP/2")
		}
	}
	return nil
}
