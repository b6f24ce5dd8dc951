package policy

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/session"
)

// A Subject is a session in the form that policy reads, made once for each verified
// token. It is shared between requests, and nothing of it changes but what is remembered.
type Subject struct {
	Session *session.Session

	value     *ast.Term
	factorAge *ast.Term // nil where the token does not say
	size      int

	// effective is the last policy's word on the session: a pure function of both, since
	// revocation, which the clock changes, comes before it.
	effective atomic.Pointer[remembered]
	// projected is what each entrypoint of the last policy reads of the session.
	projected [entrypoints]atomic.Pointer[projection]
}

// remembered is a result with the policy that it is of, by number: a pointer would keep the
// old one of each reload.
type remembered struct {
	generation uint64
	effective  *Effective
	identity   decision.Known
}

// A projection is the session's part of the keys of one entrypoint, with the policy that it
// is of, by number. It has no bytes where it would be too long.
type projection struct {
	generation uint64
	bytes      []byte
	ok         bool
}

// project is what an entrypoint reads of the session; ok is false where that is not to
// be remembered. Nobody may change it.
func (s *Subject) project(e *entrypoint, p *part, generation uint64) (bytes []byte, ok bool) {
	at := &s.projected[e.number]
	if known := at.Load(); known != nil && known.generation == generation {
		return known.bytes, known.ok
	}
	made := &projection{generation: generation}
	made.bytes, made.ok = p.append(nil, s.value.Value)
	if len(made.bytes) > maxKey {
		made.bytes, made.ok = nil, false
	}
	made.bytes = slices.Clip(made.bytes)
	at.Store(made)
	return made.bytes, made.ok
}

// Size is the memory that the subject takes, in bytes, roughly and rather too much.
func (s *Subject) Size() int {
	if s == nil {
		return 0
	}
	return s.size
}

// What OPA's values take, in bytes: any value with its term, an object besides, and
// each member of an object besides its key and value.
const (
	valueCost  = 80
	objectCost = 200
	memberCost = 120
)

// weight reckons what a value takes.
func weight(v ast.Value) int {
	switch v := v.(type) {
	case ast.String:
		return valueCost + len(v)
	case ast.Number:
		return valueCost + len(v)
	case *ast.Array:
		total := valueCost
		v.Foreach(func(t *ast.Term) { total += weight(t.Value) })
		return total
	case ast.Object:
		total := valueCost + objectCost
		v.Foreach(func(k, t *ast.Term) { total += memberCost + weight(k.Value) + weight(t.Value) })
		return total
	default:
		return valueCost
	}
}

// sizeOf reckons what a session and its value take. Lists are in both.
func sizeOf(s *session.Session, value ast.Value) int {
	names := 0
	if s.Org != nil {
		names += len(s.Org.Permissions)
	}
	for _, scoped := range []*session.Scoped{s.Features, s.Plans} {
		if scoped != nil {
			names += len(scoped.Org) + len(scoped.User)
		}
	}
	// Once more for what is remembered of it.
	return 2*weight(value) + 3*len(s.Claims) + 64*names
}

// NewSubject prepares a session for evaluation.
func NewSubject(s *session.Session) (*Subject, error) {
	metadata, err := optional(s.Metadata)
	if err != nil {
		return nil, fmt.Errorf("session metadata: %w", err)
	}
	actor, err := optional(s.Actor)
	if err != nil {
		return nil, fmt.Errorf("session actor: %w", err)
	}
	claims, err := optional(s.Claims)
	if err != nil {
		return nil, fmt.Errorf("session claims: %w", err)
	}
	subject := &Subject{Session: s, value: ast.ObjectTerm(
		member("user_id", ast.StringTerm(s.UserID)),
		member("session_id", stated(s.SessionID)),
		member("issuer", ast.StringTerm(s.Issuer)),
		member("profile", ast.StringTerm(string(s.Profile))),
		member("status", stated(s.Status)),
		member("org", orgTerm(s.Org)),
		member("features", scopedTerm(s.Features)),
		member("plans", scopedTerm(s.Plans)),
		member("metadata", metadata),
		member("actor", actor),
		member("claims", claims),
	)}
	subject.size = sizeOf(s, subject.value.Value)
	if s.FactorAge != nil {
		subject.factorAge = ast.ArrayTerm(minutes(s.FactorAge[0]), minutes(s.FactorAge[1]))
	}
	return subject, nil
}

// JSON is the session document as policy sees it.
func (s *Subject) JSON() (any, error) {
	return ast.JSON(s.value.Value)
}

func orgTerm(org *session.Org) *ast.Term {
	if org == nil {
		return ast.NullTerm()
	}
	return ast.ObjectTerm(
		member("id", ast.StringTerm(org.ID)),
		member("slug", stated(org.Slug)),
		member("role", stated(org.Role)),
		member("permissions", stringsOf(org.Permissions)),
	)
}

func scopedTerm(s *session.Scoped) *ast.Term {
	if s == nil {
		return ast.NullTerm()
	}
	return ast.ObjectTerm(member("org", stringsOf(s.Org)), member("user", stringsOf(s.User)))
}

// stated is null for what the token does not say.
func stated(s string) *ast.Term {
	if s == "" {
		return ast.NullTerm()
	}
	return ast.StringTerm(s)
}

func optional(raw jsontext.Value) (*ast.Term, error) {
	if raw == nil {
		return ast.NullTerm(), nil
	}
	v, err := valueOf(raw)
	if err != nil {
		return nil, err
	}
	return ast.NewTerm(v), nil
}

func minutes(m float64) *ast.Term {
	return ast.NumberTerm(jsonNumber(strconv.FormatFloat(m, 'f', -1, 64)))
}
