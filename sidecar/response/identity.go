package response

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"postern/sidecar/decision"
)

// IdentityHeaders are the names of the headers that tell an upstream who the session is, in
// lower case. One that is empty is not sent.
type IdentityHeaders struct{ User, Session, Org, Role, Permissions string }

// Names lists the headers that are sent.
func (h IdentityHeaders) Names() []string {
	var names []string
	for _, name := range []string{h.User, h.Session, h.Org, h.Role, h.Permissions} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// longestIdentity bounds the identity headers, in bytes of names and values. Proxies refuse
// answers that are longer still.
const longestIdentity = 16 << 10

// An Upstream is how an upstream is told who a session is, for any number of requests:
// nobody may change it. It is made by [Proxy.Upstream].
type Upstream struct {
	// every are all the headers, empty where the session has none; set are those that have a
	// value.
	every, set []decision.Pair
	// removals names those that have none, as Envoy's HTTP service is told, and ok is Envoy's
	// allow but for its metadata, encoded.
	removals string
	ok       []byte
	err      error
}

// Fits is an error where the identity is too long for headers. It is never cut: what is left
// of it would be somebody else's.
func (u *Upstream) Fits() error { return u.err }

// shortIdentity is the most that is kept with a session, in bytes of the encoded answer. The
// room for tokens reckons with no more.
const shortIdentity = 2 << 10

// Short reports whether the answer may be kept for the session's next request.
func (u *Upstream) Short() bool { return u.err == nil && len(u.ok) <= shortIdentity }

// Upstream prepares the headers for an identity.
func (p Proxy) Upstream(i decision.Identity) *Upstream {
	u := &Upstream{every: p.Identity.pairs(i)}
	n := 0
	var missing []string
	for _, pair := range u.every {
		n += len(pair.Name) + len(pair.Value)
		if pair.Value == "" {
			missing = append(missing, pair.Name)
		} else {
			u.set = append(u.set, pair)
		}
	}
	if n > longestIdentity {
		u.err = fmt.Errorf("the identity headers have %d bytes, and at most %d are sent", n, longestIdentity)
		return u
	}
	u.removals = strings.Join(missing, ",")
	ok := p.ok(ProxyAnswer{Decision: decision.Allowed(), Upstream: u})
	ok.DynamicMetadata = nil
	u.ok, u.err = proto.Marshal(ok)
	return u
}

// pairs are all the headers, an empty value for what the session lacks.
func (h IdentityHeaders) pairs(i decision.Identity) []decision.Pair {
	var all []decision.Pair
	for _, p := range []decision.Pair{
		{Name: h.User, Value: encode(i.User)},
		{Name: h.Session, Value: encode(i.Session)},
		{Name: h.Org, Value: encode(i.Org)},
		{Name: h.Role, Value: encode(i.Role)},
		{Name: h.Permissions, Value: encodeList(i.Permissions)},
	} {
		if p.Name != "" {
			all = append(all, p)
		}
	}
	return all
}

// encodeList joins with commas, of which an encoded value has none. A permission without a
// name is left out: the list of it alone would be that of no permission.
func encodeList(values []string) string {
	var parts []string
	for _, v := range values {
		if v != "" {
			parts = append(parts, encode(v))
		}
	}
	return strings.Join(parts, ",")
}

// encode percent-encodes what could end a value, split it or be read as another: all but
// visible ASCII, and percent signs, commas, semicolons, quotes and backslashes. Whoever
// reads it splits first and decodes then.
func encode(value string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c <= '~' && strings.IndexByte("%,;\"\\", c) < 0 }
	if strings.IndexFunc(value, func(r rune) bool { return r >= utf8.RuneSelf || !plain(byte(r)) }) < 0 {
		return value
	}
	var out []byte
	for i := range len(value) {
		if c := value[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}
