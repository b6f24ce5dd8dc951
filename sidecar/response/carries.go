package response

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"

	"postern/sidecar/decision"
)

// Bounds of what a policy can ask for. Proxies fail on answers that are much larger, and
// some let the request through then.
const (
	maxEdits      = 64       // headers, and parameters of the query, each
	maxEditsBytes = 16 << 10 // all of these together
	maxEditsBody  = 64 << 10
)

// Carries is an error where a door cannot do all that a policy asks for, or must not: a
// request that went on without one of its edits would not be the one that was allowed. Of
// a denial only what reaches the client counts.
func (p Proxy) Carries(door decision.Door, allow bool, e decision.Edits) error {
	headers := e.Headers
	if allow {
		if err := p.rewrites(door, e); err != nil {
			return err
		}
		headers = slices.Concat(e.Headers, e.ResponseHeaders)
	}
	for _, pair := range headers {
		if err := checkHeader(pair); err != nil {
			return err
		}
	}
	if size(headers, e.SetQuery) > maxEditsBytes || len(headers) > maxEdits {
		return errors.New("the policy asks for too many or too long headers")
	}
	if len(e.Body) > maxEditsBody || !utf8.ValidString(e.Body) {
		return errors.New("the policy's body is too long or no UTF-8")
	}
	if door == decision.DoorExtAuthzGRPC {
		if _, err := structpb.NewStruct(e.Metadata); err != nil {
			return fmt.Errorf("the policy's dynamic_metadata: %w", err)
		}
	}
	return nil
}

// rewrites checks what a policy asks for on the way to the upstream.
func (p Proxy) rewrites(door decision.Door, e decision.Edits) error {
	if len(e.RemoveHeaders) > 0 && door != decision.DoorExtAuthzHTTP && door != decision.DoorExtAuthzGRPC {
		return fmt.Errorf("the policy removes headers, and no answer at the door %s can", door)
	}
	if len(e.SetQuery)+len(e.RemoveQuery) > 0 && door != decision.DoorExtAuthzGRPC {
		return fmt.Errorf("the policy changes the query, and no answer at the door %s can", door)
	}
	if len(e.RemoveHeaders)+len(e.SetQuery)+len(e.RemoveQuery) > maxEdits {
		return errors.New("the policy asks for too many edits")
	}
	for _, name := range e.RemoveHeaders {
		if err := checkHeader(decision.Pair{Name: name}); err != nil {
			return err
		}
	}
	for _, text := range slices.Concat(e.RemoveQuery, flatten(e.SetQuery)) {
		if !utf8.ValidString(text) {
			return errors.New("the policy's query is no UTF-8")
		}
	}
	for _, pair := range e.SetQuery {
		if !parameter(pair.Name) || strings.Contains(pair.Name, "=") || !parameter(pair.Value) {
			return errors.New("the policy sets a parameter of the query that is not encoded")
		}
	}
	if err := p.impostors(slices.Concat(e.RemoveHeaders, names(e.Headers), names(e.ResponseHeaders))); err != nil {
		return err
	}
	if door == decision.DoorExtAuthzGRPC {
		return nil
	}
	for _, name := range names(e.ResponseHeaders) {
		if has(e.Headers, name) {
			return fmt.Errorf("the policy sends %s both ways, which the door %s cannot tell apart", name, door)
		}
	}
	return nil
}

// impostors is an error where a header is one that tells the upstream who the session is, or
// what some upstreams take for it.
func (p Proxy) impostors(edited []string) error {
	if len(edited) == 0 {
		return nil
	}
	for _, ours := range p.Identity.Names() {
		for _, name := range edited {
			if decision.SameToCGI(name, ours) {
				return fmt.Errorf("the policy edits %s, which tells the upstream who the session is", ours)
			}
		}
	}
	return nil
}

// parameter reports whether a text ends neither a parameter nor a query. Envoy puts it into
// the request line as it is.
func parameter(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '&' || r == '#' }) < 0
}

// framing are headers that say how an answer is sent, or that are Postern's own.
var framing = []string{
	"connection", "content-length", "date", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
	strings.ToLower(HeaderDecisionID), strings.ToLower(headersToRemove),
}

// checkHeader accepts a header that every door can send: a token (RFC 9110 section 5.6.2)
// and text without control characters.
func checkHeader(pair decision.Pair) error {
	name := strings.ToLower(pair.Name)
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") != "" {
		return errors.New("the policy names a header that can be none")
	}
	if slices.Contains(framing, name) {
		return fmt.Errorf("the policy sets or removes %s", name)
	}
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.ContainsFunc(pair.Value, control) || !utf8.ValidString(pair.Value) {
		return fmt.Errorf("the policy's value of %s has control characters or is no UTF-8", name)
	}
	return nil
}

func names(pairs []decision.Pair) []string {
	all := make([]string, len(pairs))
	for i, pair := range pairs {
		all[i] = pair.Name
	}
	return all
}

// flatten lists names and values.
func flatten(pairs []decision.Pair) []string {
	var all []string
	for _, pair := range pairs {
		all = append(all, pair.Name, pair.Value)
	}
	return all
}

func size(lists ...[]decision.Pair) int {
	n := 0
	for _, text := range flatten(slices.Concat(lists...)) {
		n += len(text)
	}
	return n
}
