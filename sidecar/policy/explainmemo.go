package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
)

// A Footprint is what one entrypoint reads of its input. Where Shared, what it came to for
// one input is the answer to all that are equal in what is read.
type Footprint struct {
	// Entrypoint is what it answers: check, route, session, which is what a session amounts
	// to, evaluate, or search and the kind of what is looked for. Rule is its path below data.
	Entrypoint string `json:"entrypoint"`
	Rule       string `json:"rule"`
	Shared     bool   `json:"shared"`
	// Why says why its results are not shared, each with its place.
	Why   []string `json:"why"`
	Reads []Read   `json:"reads"`
}

// A Read is one path of the input.
type Read struct {
	Path string `json:"path"`
	// At is the first place that reads it, file and line, empty where that is not known.
	At string `json:"at"`
	// Remark says how far results are shared in spite of it, empty where that is as far as
	// they can be: by role, say, or by the question.
	Remark string `json:"remark,omitempty"`
}

// Footprints are those of the policy's entrypoints.
func (p *Policy) Footprints() []Footprint {
	all := []Footprint{
		p.check.explained("check"),
		p.route.explained("route"),
		p.effective.explained("session"),
		p.evaluate.explained("evaluate"),
	}
	for _, kind := range []authzen.Kind{authzen.Subjects, authzen.Resources, authzen.Actions} {
		if by := p.searches[kind]; by != nil {
			all = append(all, by.explained("search."+string(kind)))
		}
	}
	return all
}

func (e *entrypoint) explained(name string) Footprint {
	f := Footprint{Entrypoint: name, Rule: e.path, Shared: e.shared, Why: append([]string{}, e.footprint.unshared()...), Reads: []Read{}}
	if e.footprint.whole != nil {
		f.Reads = append(f.Reads, Read{Path: "input", At: placeOf(e.footprint.whole), Remark: "the clock is in it: no two are alike"})
	}
	for i := range e.footprint.parts {
		part := &e.footprint.parts[i]
		for _, path := range part.paths {
			r := Read{Path: path.text, At: placeOf(path.at), Remark: remarkOn(part.name, path.names)}
			if part.name == "factor_age" && e.footprint.ages {
				r.Remark = comparedAges
			}
			f.Reads = append(f.Reads, r)
		}
	}
	return f
}

// A remark is on a path, or on all that are below it. The first that fits counts.
type remark struct {
	path  string
	below bool
	text  string
}

const (
	byUser    = "one entry for each user"
	bySession = "one entry for each session"
	byToken   = "one entry for each token: claims differ in each, times among them"
	byRequest = "one entry for each request"
	byCaller  = "one entry for each value that callers send"
	byPath    = "one entry for each path of a request"
	// comparedAges is for factor ages that only the library reads; see [key.factorAge].
	comparedAges = "one entry for each set of presets that the ages meet, or for each age where minutes are asked for"
)

var remarks = []remark{
	{"now", true, "the clock: no two are alike"},
	{"user_id", true, byUser + " that asks for an action"},
	{"session", false, byToken},
	{"session.user_id", true, byUser},
	{"session.session_id", true, bySession},
	{"session.claims", false, byToken},
	{"session.claims", true, "one entry for each value of the claim"},
	{"session.metadata", true, "one entry for each value of the metadata, which often differ by user"},
	{"session.actor", true, "one entry for each actor"},
	{"session.org", false, "one entry for each organization, role and set of permissions"},
	{"session.org.id", true, "one entry for each organization"},
	{"session.org.slug", true, "one entry for each organization"},
	{"factor_age", true, "one entry for each age in minutes, where a question asks for reverification"},
	{"subject", true, byCaller},
	{"action.properties", true, byCaller},
	{"resource", true, byCaller},
	{"context", true, byCaller},
	{"request", false, byRequest},
	{"request.path", true, byPath},
	{"request.segments", true, byPath},
	{"request.headers", false, byRequest},
	{"request.headers", true, "one entry for each value of the header"},
	{"request.query", true, "one entry for each query"},
	{"request.body", true, "one entry for each value in bodies"},
	{"attributes", false, byRequest},
	{"attributes", true, "one entry for each value that the proxy says"},
	{"parsed_path", true, byPath},
	{"parsed_query", true, "one entry for each query"},
	{"parsed_body", true, "one entry for each value in bodies"},
	{"route", false, byPath + " with parameters"},
	{"route.params", true, "one entry for each value of the parameters"},
	{"route.organization", true, "one entry for each organization that a path names"},
	{"route.organization_slug", true, "one entry for each organization that a path names"},
}

func remarkOn(part string, names []*ast.Term) string {
	path := part
	for _, name := range names {
		path += "." + nameOf(name)
	}
	for _, r := range remarks {
		if path == r.path || r.below && strings.HasPrefix(path, r.path+".") {
			return r.text
		}
	}
	return ""
}
