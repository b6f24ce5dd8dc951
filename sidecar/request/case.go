package request

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"postern/sidecar/decision"
)

// AppendJSON appends the question as [ParseCheck] reads it, with Resource and Context.
func (q *Question) AppendJSON(dst []byte) []byte {
	dst = append(dst, q.Normal()...)
	for _, part := range []struct {
		name string
		raw  jsontext.Value
	}{{"resource", q.Resource}, {"context", q.Context}} {
		if part.raw == nil {
			continue
		}
		dst = append(dst[:len(dst)-1], `,"`+part.name+`":`...)
		dst = append(append(dst, part.raw...), '}')
	}
	return dst
}

// Parts are what a kept request has beside its method, its host and its path. What no policy
// reads is not kept: a query, a header and a body can be anybody's secret.
type Parts struct {
	Headers bool `json:"headers,omitzero"`
	Query   bool `json:"query,omitzero"`
	Body    bool `json:"body,omitzero"`
	// Envoy is all that OPA-Envoy's document is made of.
	Envoy bool `json:"envoy,omitzero"`
}

// all is the parts with those that they are made of. A body is read by its headers, and
// OPA-Envoy's document has all.
func (p Parts) all() Parts {
	if p.Envoy {
		return Parts{true, true, true, true}
	}
	p.Headers = p.Headers || p.Body
	return p
}

// Has reports whether p has all of the parts that others are.
func (p Parts) Has(other Parts) bool {
	p, other = p.all(), other.all()
	return (p.Headers || !other.Headers) && (p.Query || !other.Query) && (p.Body || !other.Body) && (p.Envoy || !other.Envoy)
}

// A Kept is a proxied request as the decision log keeps it.
type Kept struct {
	Door      decision.Door `json:"door"`
	Method    string        `json:"method"`
	Scheme    string        `json:"scheme,omitzero"`
	Host      string        `json:"host,omitzero"`
	Authority string        `json:"authority,omitzero"`
	Path      string        `json:"path"`
	// Parts are what is kept besides.
	Parts Parts `json:"parts,omitzero"`
	// Target is the whole target, with its query.
	Target  string      `json:"target,omitzero"`
	Headers [][2]string `json:"headers,omitempty"`
	Body    *keptBody   `json:"body,omitzero"`
	// Envoy is what Envoy said over gRPC, as the JSON form of protocol buffers has it. It says
	// the headers, the target and the body, too.
	Envoy jsontext.Value `json:"envoy,omitzero"`
	// Withheld names the headers that were left out, in lower case, since they are credentials.
	Withheld []string `json:"withheld,omitempty"`
}

// A keptBody is a text, or where it is none, octets.
type keptBody struct {
	Text    string `json:"text,omitzero"`
	Raw     []byte `json:"raw,omitempty"` // base64
	Partial bool   `json:"partial,omitzero"`
}

// Secret reports whether a name, in any case, is that of a header or a member that holds
// a credential, or might. Such are never kept.
func Secret(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	return slices.ContainsFunc([]string{
		"authorization", "cookie", "token", "secret", "passw", "apikey", "credential", "jwt", "oidcdata", "bearer",
	}, func(part string) bool { return strings.Contains(name, part) })
}

// Keep is the request without credentials and with those parts that are wanted. It shares
// memory with the request.
func (p Proxied) Keep(wanted Parts) (*Kept, error) {
	wanted = wanted.all()
	k := &Kept{Door: p.Door, Method: p.Method, Scheme: p.Scheme, Host: p.Host, Authority: p.Authority, Path: p.Target.Path, Parts: wanted}
	if wanted.Headers {
		for _, f := range p.fields {
			switch name := strings.ToLower(f.name); {
			case Secret(name):
				if !slices.Contains(k.Withheld, name) {
					k.Withheld = append(k.Withheld, name)
				}
			case wanted.Envoy || !withheld[name] || name == "content-length" || name == "transfer-encoding":
				k.Headers = append(k.Headers, [2]string{f.name, strings.ToValidUTF8(f.value, "!")})
			}
		}
	}
	slices.Sort(k.Withheld)
	if wanted.Envoy && p.Envoy != nil {
		k.Headers = nil
		return k, k.keepEnvoy(p.Envoy)
	}
	if wanted.Query {
		k.Target = p.Target.Raw
	}
	if wanted.Body && p.Body != nil {
		k.Body = &keptBody{Partial: p.Body.Partial}
		switch {
		case utf8.Valid(p.Body.Raw):
			k.Body.Text = string(p.Body.Raw)
		case hides(p.Body.Raw):
			k.Body.Text = tokenInBody
		default:
			k.Body.Raw = p.Body.Raw
		}
	}
	return k, nil
}

// keepEnvoy keeps what Envoy said, without credentials. The message is the caller's, and is
// not changed.
func (k *Kept) keepEnvoy(message *authv3.AttributeContext) (err error) {
	own := proto.CloneOf(message)
	http := own.GetRequest().GetHttp()
	for name := range http.GetHeaders() {
		if Secret(name) {
			delete(http.Headers, name)
		}
	}
	if list := http.GetHeaderMap(); list != nil {
		kept := list.Headers[:0]
		for _, h := range list.Headers {
			if !Secret(h.GetKey()) {
				kept = append(kept, h)
			}
		}
		list.Headers = kept
	}
	if hides(http.GetRawBody()) {
		http.Body, http.RawBody = tokenInBody, nil
	}
	k.Envoy, err = protojson.Marshal(own)
	return err
}

// tokenInBody stands for a body, as the decision log has it for a token: such a case is not
// decided again.
const tokenInBody = "[token]"

// hides reports whether octets may hold a token, which nobody finds in base64.
func hides(octets []byte) bool {
	for _, opening := range []string{"eyJ", "eyA", "ewo", "ewk", "ew0"} { // {" and { with white space, in base64url
		if bytes.Contains(octets, []byte(opening)) {
			return true
		}
	}
	return false
}

// Proxied is the request again, as its door would have read it.
func (k *Kept) Proxied() (*Proxied, error) {
	if k.Envoy != nil {
		return k.fromEnvoy()
	}
	p := &Proxied{Door: k.Door, Method: k.Method, Scheme: k.Scheme, Host: k.Host, Authority: k.Authority, Target: Target{Path: k.Path}}
	if !IsMethod(k.Method) {
		return nil, errors.New("the method is none")
	}
	if k.Host != "" {
		if host, err := NormalHost(k.Host); err != nil || host != k.Host {
			return nil, errors.New("the host is none, or not in its normal form")
		}
	}
	if err := CheckPath(k.Path); err != nil {
		return nil, err
	}
	if k.Parts.Query {
		target, err := ParseTarget(k.Target)
		if err != nil {
			return nil, err
		}
		if target.Path != k.Path {
			return nil, errors.New("the target has another path")
		}
		p.Target = target
	}
	for _, h := range k.Headers {
		p.fields = append(p.fields, field{h[0], h[1]})
	}
	if k.Body != nil {
		p.hold(append([]byte(k.Body.Text), k.Body.Raw...), k.Body.Partial)
	}
	return p, nil
}

func (k *Kept) fromEnvoy() (*Proxied, error) {
	var message authv3.AttributeContext
	if err := protojson.Unmarshal(k.Envoy, &message); err != nil {
		return nil, errors.New("what Envoy said cannot be read")
	}
	p := &Proxied{}
	if err := ReadCheckRequest(p, &authv3.CheckRequest{Attributes: &message}); err != nil {
		return nil, fmt.Errorf("what Envoy said: %w", err)
	}
	if p.Door != k.Door || p.Method != k.Method || p.Host != k.Host || p.Target.Path != k.Path {
		return nil, errors.New("what Envoy said is about another request")
	}
	return p, nil
}
