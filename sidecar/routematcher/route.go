package routematcher

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"postern/sidecar/phrase"
	"postern/sidecar/request"
)

// A part is what stands between two slashes of a route: text, or a parameter.
type part struct {
	text string
	wild bool
}

type ending int

const (
	// bare ends with the last part, slash with one slash behind it, and subtree with a
	// slash and anything below.
	bare ending = iota
	slash
	subtree
)

// A route is one pattern for ServeMux.
type route struct {
	parts []part
	end   ending
}

// String is the route as ServeMux reads it. What is no part of its syntax is encoded, for
// it decodes the text of a pattern as it does a path.
func (r route) String() string {
	var b strings.Builder
	taken := map[string]bool{}
	for i, p := range r.parts {
		b.WriteByte('/')
		if p.wild {
			fmt.Fprintf(&b, "{%s}", identifier(p.text, i+1, taken))
		} else {
			encode(&b, p.text)
		}
	}
	switch r.end {
	case slash:
		b.WriteString("/{$}")
	case subtree:
		b.WriteByte('/')
	}
	return b.String()
}

// key is the same for two routes that match the same paths.
func (r route) key() string {
	plain := route{end: r.end, parts: make([]part, len(r.parts))}
	for i, p := range r.parts {
		plain.parts[i] = p
		if p.wild {
			plain.parts[i].text = ""
		}
	}
	return plain.String()
}

// identifier makes a name that ServeMux takes, and that no parameter before has.
func identifier(name string, position int, taken map[string]bool) string {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "p" + strconv.Itoa(position)
	}
	for taken[name] {
		name += "_" + strconv.Itoa(position)
	}
	taken[name] = true
	return name
}

// encode writes text. What would be syntax to other matchers is encoded as well, since a
// model refuses it in a route: it is mostly a pattern that nobody has carried over.
func encode(b *strings.Builder, text string) {
	for _, r := range text {
		if unicode.IsPrint(r) && !strings.ContainsRune(` %{}*()`, r) {
			b.WriteRune(r)
			continue
		}
		for _, octet := range []byte(string(r)) {
			fmt.Fprintf(b, "%%%02X", octet)
		}
	}
}

// escape is what a decoded path of the list only has where it was encoded twice, or where
// decodeURI leaves it encoded. Either way it is denied before routing.
var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unreachable says why no request comes as far as the route, if none does.
func (r route) unreachable() (Difference, bool) {
	path := "/"
	for i, p := range r.parts {
		if i > 0 {
			path += "/"
		}
		if p.wild {
			path += "x"
		} else {
			path += p.text
		}
	}
	if escape.MatchString(path) {
		return Difference{Kind: Unmatched, Text: "the list decodes a path before it compares, so a pattern with an escape in it matches next to nothing; write the character itself"}, true
	}
	err := request.CheckPath(path)
	if err == nil && r.end != bare && len(r.parts) > 0 {
		err = request.CheckPath(path + "/")
	}
	if err != nil {
		return Difference{Kind: Ambiguous, Text: fmt.Sprintf("no request comes as far as %s: %v", phrase.Quote(path), err)}, true
	}
	return Difference{}, false
}

// cased reports whether another case of the route's text is another text.
func (r route) cased() bool {
	for _, p := range r.parts {
		if !p.wild && (strings.ToUpper(p.text) != p.text || strings.ToLower(p.text) != p.text) {
			return true
		}
	}
	return false
}

// covers reports whether r is a subtree that has every path that other matches.
func (r route) covers(other route) bool {
	if r.end != subtree || len(r.parts) > len(other.parts) || len(r.parts) == len(other.parts) && other.end == bare {
		return false
	}
	for i, p := range r.parts {
		if o := other.parts[i]; !p.wild && (o.wild || o.text != p.text) {
			return false
		}
	}
	return true
}

// split writes a subtree as three routes that match the same paths: the subtree's own,
// those of one part more, and the subtrees of those.
func (r route) split() []route {
	deeper := append(r.parts[:len(r.parts):len(r.parts)], part{wild: true})
	return []route{{r.parts, slash}, {deeper, bare}, {deeper, subtree}}
}
