package route

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"postern/sidecar/phrase"
	"postern/sidecar/request"
)

// methods are those that a pattern may name: RFC 9110 section 9, PATCH (RFC 5789), and
// those of WebDAV (RFC 4918, 3253, 5323). The mux takes any word.
var methods = []string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
	"COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REPORT", "SEARCH", "UNLOCK",
}

// A pattern is "METHOD host/path" taken apart. Empty method and host fit all.
type pattern struct {
	method, host string
	path         string
	segments     []segment
}

// A segment is a part of a pattern's path: a literal, or a parameter for one part of the
// path or, if it is open, for all that is left. The unnamed open one is a final slash.
type segment struct {
	literal string
	name    string
	open    bool
	end     bool // {$}: the path ends here
}

var wildcard = regexp.MustCompile(`^\{([A-Za-z_][A-Za-z0-9_]*)?(\.\.\.|\$)?\}$`)

// parsePattern takes a pattern apart and refuses one that no request could match: with a
// method that is none, a host that is not in its normal form, or a path that the one path
// rule refuses.
func parsePattern(text string) (pattern, error) {
	var p pattern
	rest := text
	if method, after, found := strings.Cut(text, " "); found {
		p.method, rest = method, strings.TrimLeft(after, " ")
		if !slices.Contains(methods, method) {
			return p, fmt.Errorf("%s is no method%s", phrase.Quote(method), phrase.DidYouMean(phrase.Suggest(method, methods)))
		}
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return p, errors.New("a pattern is [METHOD ][host]/path, and has a slash")
	}
	p.host, p.path = rest[:slash], rest[slash:]
	if p.host != "" {
		if normal, err := request.NormalHost(p.host); err != nil || normal != p.host {
			return p, fmt.Errorf("host %s is no name in lower case without a port", phrase.Quote(p.host))
		}
	}
	return p, p.split()
}

// split takes the path apart.
func (p *pattern) split() error {
	var literals strings.Builder
	for part := range strings.SplitSeq(p.path[1:], "/") {
		var s segment
		m := wildcard.FindStringSubmatch(part)
		switch {
		case m != nil:
			s = segment{name: m[1], open: m[2] == "...", end: m[2] == "$"}
			if s.name == "" && !s.end || s.name != "" && s.end {
				return fmt.Errorf("%s is no parameter: want {name}, {name...} or {$}", phrase.Quote(part))
			}
		case strings.ContainsAny(part, "{}"):
			return fmt.Errorf("%s: a parameter is a whole part of the path", phrase.Quote(part))
		case strings.ContainsAny(part, "*()") || strings.HasPrefix(part, ":"):
			return fmt.Errorf("%s is written for other matchers: a parameter is {name}, all below is a final slash (postern routes import carries lists over; %%28 and %%29 stand for parentheses themselves)", phrase.Quote(part))
		default:
			literal, err := url.PathUnescape(part)
			if err != nil || strings.Contains(literal, "/") {
				return fmt.Errorf("%s is badly encoded", phrase.Quote(part))
			}
			s.literal = literal
			s.open = part == "" // only a last one; the check below refuses others
		}
		if n := len(p.segments); n > 0 && (p.segments[n-1].open || p.segments[n-1].end) {
			return fmt.Errorf("nothing may stand behind {name...} and {$}, as %s does", phrase.Quote(part))
		}
		literals.WriteByte('/')
		if m == nil {
			literals.WriteString(s.literal)
		} else if !s.end {
			literals.WriteByte('x')
		}
		p.segments = append(p.segments, s)
	}
	if err := request.CheckPath(literals.String()); err != nil {
		return fmt.Errorf("no request can match: %w", err)
	}
	return nil
}

// equal reports whether two patterns are one, however their characters are encoded.
func (p *pattern) equal(q *pattern) bool {
	return p.method == q.method && p.host == q.host && slices.Equal(p.segments, q.segments)
}

// text is the pattern as the mux is told.
func (p *pattern) text() string {
	if p.method == "" {
		return p.host + p.path
	}
	return p.method + " " + p.host + p.path
}

// params iterates over what the parameters stand for in a path that the pattern matches.
func (p *pattern) params(path string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		rest := path[1:]
		for _, s := range p.segments {
			part, after, _ := strings.Cut(rest, "/")
			if s.open {
				part = rest
			}
			if s.name != "" && !yield(s.name, part) {
				return
			}
			rest = after
		}
	}
}

// checkParameter accepts a value without braces, and one that is a parameter of the
// pattern for one part of the path, such as "{org}".
func (p *pattern) checkParameter(value string) error {
	if !strings.ContainsAny(value, "{}") {
		return nil
	}
	var names []string
	for _, s := range p.segments {
		if s.name != "" && !s.open {
			names = append(names, s.name)
		}
	}
	name := strings.TrimSuffix(strings.TrimPrefix(value, "{"), "}")
	if "{"+name+"}" != value || !slices.Contains(names, name) {
		return fmt.Errorf("it is no parameter of match%s", phrase.DidYouMean(phrase.Suggest(name, names)))
	}
	return nil
}
