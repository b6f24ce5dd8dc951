package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/canonical"
	"postern/sidecar/session"
)

// session appends what an entrypoint reads of a session, and has the session remember it for
// its next key. Searches are rarely asked: it remembers nothing for them.
func (k *key) session(e *entrypoint, p *part, s *Subject, scope uint64) {
	if e.number >= projections {
		var ok bool
		k.bytes, ok = s.append(k.bytes, p)
		k.none = k.none || !ok
		return
	}
	at := &s.projected[e.number]
	if known := at.Load(); known != nil && known.scope == scope {
		k.bytes, k.none = append(k.bytes, known.bytes...), known.bytes == nil
		return
	}
	made := &projection{scope: scope}
	begin := len(k.bytes)
	var ok bool
	if k.bytes, ok = s.append(k.bytes, p); ok && len(k.bytes)-begin <= maxKey {
		made.bytes = slices.Clone(k.bytes[begin:])
	}
	k.none = made.bytes == nil
	at.Store(made)
}

// append appends to a key what an entrypoint reads of the session: what [part.append] would
// of its document, which is not made for it.
func (s *Subject) append(dst []byte, p *part) (key []byte, ok bool) {
	dst = append(dst, markPart)
	for i := range p.paths {
		if dst, ok = s.appendPath(dst, p.paths[i].names); !ok {
			return dst, false
		}
	}
	return dst, true
}

// appendPath is [appendPath] below the session.
func (s *Subject) appendPath(dst []byte, names []*ast.Term) ([]byte, bool) {
	if len(names) == 0 {
		whole, err := s.document(func(string) bool { return true })
		if err != nil {
			return dst, false
		}
		return appendPath(dst, whole.Value, nil)
	}
	sess := s.Session
	switch name := nameOf(names[0]); name {
	case "user_id":
		return appendLeaf(dst, names, 1, canonical.String, sess.UserID), true
	case "session_id":
		return appendLeaf(dst, names, 1, kindOfText(sess.SessionID), sess.SessionID), true
	case "issuer":
		return appendLeaf(dst, names, 1, canonical.String, sess.Issuer), true
	case "profile":
		return appendLeaf(dst, names, 1, canonical.String, string(sess.Profile)), true
	case "status":
		return appendLeaf(dst, names, 1, kindOfText(sess.Status), sess.Status), true
	case "org":
		if len(names) > 1 {
			return appendOrg(dst, names, sess.Org), true
		}
	case "features":
		if len(names) > 1 {
			return appendScoped(dst, names, sess.Features), true
		}
	case "plans":
		if len(names) > 1 {
			return appendScoped(dst, names, sess.Plans), true
		}
	}
	return s.appendMember(dst, names)
}

// appendMember appends a path in a member that is rarely read, by its document.
func (s *Subject) appendMember(dst []byte, names []*ast.Term) ([]byte, bool) {
	value, err := s.member(nameOf(names[0]))
	if err != nil {
		return dst, false
	}
	object := ast.NewObject()
	if value != nil {
		object.Insert(names[0], value)
	}
	return appendPath(dst, object, names)
}

// appendOrg appends a path below input.session.org.
func appendOrg(dst []byte, names []*ast.Term, org *session.Org) []byte {
	if org == nil {
		return appendEnd(dst, 1, canonical.Null)
	}
	switch nameOf(names[1]) {
	case "id":
		return appendLeaf(dst, names, 2, canonical.String, org.ID)
	case "slug":
		return appendLeaf(dst, names, 2, kindOfText(org.Slug), org.Slug)
	case "role":
		return appendLeaf(dst, names, 2, kindOfText(org.Role), org.Role)
	case "permissions":
		return appendList(dst, names, 2, org.Permissions)
	default:
		return appendEnd(dst, 1, canonical.Object)
	}
}

// appendScoped appends a path below input.session.features or plans.
func appendScoped(dst []byte, names []*ast.Term, scoped *session.Scoped) []byte {
	if scoped == nil {
		return appendEnd(dst, 1, canonical.Null)
	}
	switch nameOf(names[1]) {
	case "org":
		return appendList(dst, names, 2, scoped.Org)
	case "user":
		return appendList(dst, names, 2, scoped.User)
	default:
		return appendEnd(dst, 1, canonical.Object)
	}
}

func nameOf(t *ast.Term) string { return string(t.Value.(ast.String)) }

// kindOfText is null for what the token does not say.
func kindOfText(text string) byte {
	if text == "" {
		return canonical.Null
	}
	return canonical.String
}

// appendLeaf appends a text or null at some depth of a path, or the path's end there.
func appendLeaf(dst []byte, names []*ast.Term, depth int, kind byte, text string) []byte {
	if len(names) > depth {
		return appendEnd(dst, depth, kind)
	}
	dst = append(dst, markValue, kind)
	if kind == canonical.String {
		dst = canonical.AppendText(dst, text)
	}
	return dst
}

// appendList appends a list of texts at some depth of a path, or the path's end there.
func appendList(dst []byte, names []*ast.Term, depth int, list []string) []byte {
	if len(names) > depth {
		return appendEnd(dst, depth, canonical.Array)
	}
	dst = canonical.AppendLength(append(dst, markValue, canonical.Array), len(list))
	for _, text := range list {
		dst = canonical.AppendText(append(dst, canonical.String), text)
	}
	return dst
}
