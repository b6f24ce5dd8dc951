package certificate

import (
	"crypto/x509"
	"net/netip"
	"strings"
)

// A san is a subject alternative name that a client may have (RFC 5280 section 4.2.1.6).
// What is written says which kind it is, so that a name of one kind never stands for one of
// another: an address is an IP, a colon makes it a URI, an @ an email, all else is DNS.
type san struct {
	ip               netip.Addr // valid for an IP alone
	uri, email, name string     // one of them otherwise
}

func parseSAN(text string) san {
	if ip, err := netip.ParseAddr(text); err == nil {
		return san{ip: ip.Unmap()}
	}
	switch {
	case strings.Contains(text, ":"):
		return san{uri: text}
	case strings.Contains(text, "@"):
		return san{email: text}
	default:
		return san{name: text}
	}
}

// names reports whether a certificate has the name, whole: a wildcard stands for itself
// alone. Case matters but in DNS.
func (s san) names(c *x509.Certificate) bool {
	switch {
	case s.ip.IsValid():
		for _, ip := range c.IPAddresses {
			if has, ok := netip.AddrFromSlice(ip); ok && has.Unmap() == s.ip {
				return true
			}
		}
	case s.uri != "":
		for _, uri := range c.URIs {
			if uri.String() == s.uri {
				return true
			}
		}
	case s.email != "":
		for _, email := range c.EmailAddresses {
			if email == s.email {
				return true
			}
		}
	default:
		for _, name := range c.DNSNames {
			if strings.EqualFold(name, s.name) {
				return true
			}
		}
	}
	return false
}

// String is the name as it is logged.
func (s san) String() string {
	if s.ip.IsValid() {
		return s.ip.String()
	}
	return s.uri + s.email + s.name
}

// allowed is the first of the listed names that a certificate has.
func (i *Identity) allowed(c *x509.Certificate) (name string, ok bool) {
	for _, s := range i.sans {
		if s.names(c) {
			return s.String(), true
		}
	}
	return "", false
}

// nameOf is what a client is called in logs: the listed name that let it in, else its
// certificate's first alternative name, else its subject.
func (i *Identity) nameOf(c *x509.Certificate) string {
	if name, ok := i.allowed(c); ok {
		return name
	}
	switch {
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.EmailAddresses) > 0:
		return c.EmailAddresses[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	default:
		return c.Subject.String()
	}
}
