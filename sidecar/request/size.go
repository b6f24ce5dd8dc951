package request

import "google.golang.org/protobuf/proto"

// What a message of Envoy takes besides the octets that it is sent as, and what each header
// takes besides its texts, in bytes.
const (
	envoyFactor = 3
	fieldCost   = 32
)

// Size is about the memory that a clone of the request takes, in bytes, with the message that
// it shares.
func (p *Proxied) Size() int {
	n := 0
	for _, text := range []string{p.Method, p.Scheme, p.Host, p.Authority, p.Target.Path, p.Target.Query, p.Target.Raw} {
		n += len(text)
	}
	for _, f := range p.fields {
		n += len(f.name) + len(f.value) + fieldCost
	}
	if p.Body != nil {
		n += len(p.Body.Raw)
	}
	if p.Envoy != nil {
		n += envoyFactor * proto.Size(p.Envoy)
	}
	return n
}
