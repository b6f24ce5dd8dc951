package policy

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/session"
)

// A Subject is a session that policies can be asked about, made once for each verified
// token. It is shared between requests, and nothing of it changes but what is remembered.
type Subject struct {
	Session *session.Session

	size int

	// effective is the last policy's word on the session: a pure function of both, since
	// revocation, which the clock changes, comes before it.
	effective atomic.Pointer[remembered]
	// projected is what each entrypoint of the last rules that decides reads of the session.
	projected [projections]atomic.Pointer[projection]
}

// remembered is a result with the policy that it is of, by number: a pointer would keep the
// old one of each reload.
type remembered struct {
	generation uint64
	effective  *Effective
	identity   decision.Known
}

// A projection is the session's part of the keys of one entrypoint, with the rules that it
// is of, by number. It has no bytes where they are not to be remembered.
type projection struct {
	scope uint64
	bytes []byte
}

// Size is the memory that the subject takes, in bytes, roughly and rather too much.
func (s *Subject) Size() int {
	if s == nil {
		return 0
	}
	return s.size
}

// What a session takes besides its texts, and each name in its lists, in bytes.
const (
	subjectCost = 1500
	nameCost    = 64
)

// sizeOf reckons what a session takes, with what is remembered of it.
func sizeOf(s *session.Session) int {
	names, texts := 0, 0
	count := func(lists ...[]string) {
		for _, list := range lists {
			names += len(list)
			for _, name := range list {
				texts += len(name)
			}
		}
	}
	if s.Org != nil {
		count(s.Org.Permissions)
	}
	for _, scoped := range []*session.Scoped{s.Features, s.Plans} {
		if scoped != nil {
			count(scoped.Org, scoped.User)
		}
	}
	// The claims hold most texts once, and every entrypoint's projection once more.
	return subjectCost + 3*len(s.Claims) + nameCost*names + projections*texts
}

// NewSubject checks that policies can be asked about a session.
func NewSubject(s *session.Session) (*Subject, error) {
	for _, part := range []struct {
		name string
		raw  jsontext.Value
	}{{"metadata", s.Metadata}, {"actor", s.Actor}, {"claims", s.Claims}} {
		if shortNumbers(part.raw) {
			continue
		}
		if _, err := optional(part.raw); err != nil {
			return nil, fmt.Errorf("session %s: %w", part.name, err)
		}
	}
	return &Subject{Session: s, size: sizeOf(s)}, nil
}

// shortNumbers reports at a glance whether no number in valid JSON is out of range: all
// are short and have no exponent.
func shortNumbers(raw []byte) bool {
	const short = 15
	quoted, run := false, 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted, run = !quoted, 0
		case quoted:
		case '0' <= c && c <= '9' || c == '.' || c == '-' || c == '+':
			if run++; run > short {
				return false
			}
		case (c == 'e' || c == 'E') && run > 0:
			return false
		default:
			run = 0
		}
	}
	return true
}

// The members of input.session, by how they are made.
var sessionMembers = []string{"user_id", "session_id", "issuer", "profile", "status", "org", "features", "plans", "metadata", "actor", "claims"}

// member is one member of input.session, nil for a name that it does not have.
func (s *Subject) member(name string) (*ast.Term, error) {
	sess := s.Session
	switch name {
	case "user_id":
		return ast.StringTerm(sess.UserID), nil
	case "session_id":
		return stated(sess.SessionID), nil
	case "issuer":
		return ast.StringTerm(sess.Issuer), nil
	case "profile":
		return ast.StringTerm(string(sess.Profile)), nil
	case "status":
		return stated(sess.Status), nil
	case "org":
		return orgTerm(sess.Org), nil
	case "features":
		return scopedTerm(sess.Features), nil
	case "plans":
		return scopedTerm(sess.Plans), nil
	case "metadata":
		return optional(sess.Metadata)
	case "actor":
		return optional(sess.Actor)
	case "claims":
		return optional(sess.Claims)
	default:
		return nil, nil
	}
}

// document is input.session, with those of its members that are wanted.
func (s *Subject) document(wanted func(member string) bool) (*ast.Term, error) {
	object := ast.NewObject()
	for _, name := range sessionMembers {
		if !wanted(name) {
			continue
		}
		value, err := s.member(name)
		if err != nil {
			return nil, fmt.Errorf("session %s: %w", name, err)
		}
		object.Insert(ast.InternedTerm(name), value)
	}
	return ast.NewTerm(object), nil
}

// JSON is the session document as policy sees it.
func (s *Subject) JSON() (any, error) {
	document, err := s.document(func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	return ast.JSON(document.Value)
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

// factorAge is input.factor_age, nil where the token does not say.
func (s *Subject) factorAge() *ast.Term {
	if s.Session.FactorAge == nil {
		return nil
	}
	return ast.ArrayTerm(minutes(s.Session.FactorAge[0]), minutes(s.Session.FactorAge[1]))
}

func minutes(m float64) *ast.Term {
	return ast.NumberTerm(jsonNumber(strconv.FormatFloat(m, 'f', -1, 64)))
}
