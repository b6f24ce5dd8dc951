package policy

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
	"postern/sidecar/canonical"
	"postern/sidecar/requirement"
)

// matter appends to a key what an entrypoint reads of who asks, and of what it is about. It
// is what [part.append] would append of the document, which is not made for it.
func (k *key) matter(e *entrypoint, in Input, m matter, scope uint64) {
	for i := range e.footprint.parts {
		p := &e.footprint.parts[i]
		if k.none || k.who(e, p, in, scope, requirement.Asks{}) {
			continue
		}
		switch p.name {
		case "subject":
			k.entity(p, m, in, m.subject(in), m.Subject.Properties)
		case "action":
			if m.seeks == authzen.Actions {
				k.part(p, nil)
			} else {
				k.entity(p, m, in, m.action(), m.Action.Properties)
			}
		case "resource":
			k.entity(p, m, in, m.resource(), m.Resource.Properties)
		case "context":
			k.json(p, m.Context)
		case "user_id":
			if user, ok := m.user(in); ok {
				k.part(p, ast.String(user))
			} else {
				k.part(p, nil)
			}
		default: // what no matter has
			k.part(p, nil)
		}
	}
}

// entity appends a part of texts, and of properties where there are any.
func (k *key) entity(p *part, m matter, in Input, all []said, properties jsontext.Value) {
	if properties == nil {
		k.bytes = append(k.bytes, markPart)
		for i := range p.paths {
			k.bytes = appendSaid(k.bytes, p.paths[i].names, all)
		}
		return
	}
	term, err := m.part(p.name, in)
	if err != nil { // the document cannot be made either, and says why
		k.none = true
		return
	}
	k.part(p, term.Value)
}

// appendSaid is [appendPath] in an object of texts, which come by name.
func appendSaid(dst []byte, names []*ast.Term, all []said) []byte {
	if len(names) > 0 {
		name := nameOf(names[0])
		i := slices.IndexFunc(all, func(s said) bool { return s.name == name })
		if i < 0 {
			return appendEnd(dst, 0, canonical.Object)
		}
		return appendLeaf(dst, names, 1, canonical.String, all[i].text)
	}
	dst = canonical.AppendLength(append(dst, markValue, canonical.Object), len(all))
	for _, s := range all {
		dst = canonical.AppendText(append(dst, canonical.String), s.name)
		dst = canonical.AppendText(append(dst, canonical.String), s.text)
	}
	return dst
}
