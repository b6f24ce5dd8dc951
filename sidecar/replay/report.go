package replay

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"postern/sidecar/decision"
)

// Bounds of a report, whatever a log says: the groups of each change, and the lines that are
// named for each cause.
const (
	maxGroups = 1000
	maxLines  = 5
	maxText   = 200 // bytes of what a log says
)

// A Version is a bundle.
type Version struct {
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
}

// A Report is what a bundle would change.
type Report struct {
	// Old is the bundle that decided before, nil where that is what was recorded.
	Old *Version `json:"old"`
	New Version  `json:"new"`
	// Read counts the lines, and Replayed those that were decided again.
	Read     int       `json:"read"`
	Replayed int       `json:"replayed"`
	Same     int       `json:"same"`
	Allowed  *Changes  `json:"deny_to_allow"`
	Denied   *Changes  `json:"allow_to_deny"`
	Reasons  *Changes  `json:"reasons"`
	Skipped  []Skipped `json:"skipped"`
}

// Changes are the decisions that changed in one way.
type Changes struct {
	Count  int      `json:"count"`
	Groups []*Group `json:"groups"`
	// More counts those that belong to groups beyond the first thousand.
	More int `json:"more,omitzero"`

	byKey map[groupKey]*Group
}

type groupKey struct{ what, before, after string }

// A Group is changes about one subject, from the same to the same.
type Group struct {
	What     string    `json:"what"`
	Before   string    `json:"before"`
	After    string    `json:"after"`
	Count    int       `json:"count"`
	Examples []Example `json:"examples"`
}

// An Example is one decision.
type Example struct {
	DecisionID string    `json:"decision_id"`
	Item       *int      `json:"item,omitzero"`
	Line       string    `json:"line"`
	Time       time.Time `json:"time"`
	Door       string    `json:"door"`
	Who        string    `json:"who"`
	What       string    `json:"what"`
	Before     Decided   `json:"before"`
	After      Decided   `json:"after"`
}

// Decided is one side of an example.
type Decided struct {
	Allow   bool              `json:"allow"`
	Status  int               `json:"status"`
	Reasons []decision.Reason `json:"reasons,omitempty"`
}

// Of counts the lines that were not decided again for one cause.
func (r *Report) Of(cause Cause) int {
	for _, s := range r.Skipped {
		if s.Cause == cause {
			return s.Count
		}
	}
	return 0
}

// Undecided counts the lines that were not decided again and may be decisions of a policy.
func (r *Report) Undecided() int {
	n := 0
	for _, s := range r.Skipped {
		switch s.Cause {
		case OtherDoor, OfShadow, Unasked: // no decision, one of another line, or none of a policy
		default:
			n += s.Count
		}
	}
	return n
}

// Skipped are the lines that were not decided again for one cause, the first of them by name.
type Skipped struct {
	Cause Cause    `json:"cause"`
	Count int      `json:"count"`
	Lines []string `json:"lines"`
}

func newReport(o Options) *Report {
	changes := func() *Changes { return &Changes{Groups: []*Group{}, byKey: map[groupKey]*Group{}} }
	r := &Report{New: o.New.Version, Allowed: changes(), Denied: changes(), Reasons: changes(), Skipped: []Skipped{}}
	if o.Old != nil {
		r.Old = &o.Old.Version
	}
	return r
}

// A result is what one line came to.
type result struct {
	cause   Cause // why it was not decided again; then there is only a line
	line    string
	change  Change
	subject string
	example Example // where something changed
}

// add counts a result. They come in the order of the lines.
func (r *Report) add(one *result, examples int) {
	r.Read++
	if one.cause != "" {
		r.skip(one)
		return
	}
	r.Replayed++
	switch one.change {
	case Same:
		r.Same++
	case Allowed:
		r.Allowed.add(one, examples)
	case Denied:
		r.Denied.add(one, examples)
	case Reasons:
		r.Reasons.add(one, examples)
	}
}

func (r *Report) skip(one *result) {
	i := slices.IndexFunc(r.Skipped, func(s Skipped) bool { return s.Cause == one.cause })
	if i < 0 {
		i = len(r.Skipped)
		r.Skipped = append(r.Skipped, Skipped{Cause: one.cause})
	}
	s := &r.Skipped[i]
	if s.Count++; len(s.Lines) < maxLines {
		s.Lines = append(s.Lines, one.line)
	}
}

func (c *Changes) add(one *result, examples int) {
	c.Count++
	key := groupKey{short(one.subject), word(one.example.Before), word(one.example.After)}
	g := c.byKey[key]
	if g == nil {
		if len(c.Groups) == maxGroups {
			c.More++
			return
		}
		g = &Group{What: key.what, Before: key.before, After: key.after, Examples: []Example{}}
		c.byKey[key], c.Groups = g, append(c.Groups, g)
	}
	if g.Count++; len(g.Examples) < examples {
		g.Examples = append(g.Examples, one.example)
	}
}

// sort puts what is frequent first.
func (r *Report) sort() {
	for _, c := range []*Changes{r.Allowed, r.Denied, r.Reasons} {
		slices.SortStableFunc(c.Groups, func(a, b *Group) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What), cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After))
		})
	}
	slices.SortFunc(r.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Cause, b.Cause) })
}

// word is a decision in a word: allow, or the codes of its reasons.
func word(d Decided) string {
	if d.Allow {
		return "allow"
	}
	var codes []string
	for _, r := range d.Reasons {
		if code := string(r.Code); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		return "neither"
	}
	return short(strings.Join(codes, ", "))
}

// maxReasons bounds the reasons of an example.
const maxReasons = 8

// shown is an outcome as far as a report shows it.
func shown(o Outcome) Decided {
	d := Decided{Allow: o.Allow, Status: o.Status, Reasons: slices.Clone(o.Reasons[:min(len(o.Reasons), maxReasons)])}
	for i := range d.Reasons {
		r := &d.Reasons[i]
		r.Code = decision.Code(short(string(r.Code)))
		for _, text := range []*string{
			&r.Organization, &r.Role, &r.RoleSet, &r.Permission, &r.Feature, &r.Plan, &r.Reverification, &r.Action, &r.Rule, &r.Fact, &r.Message,
		} {
			*text = short(*text)
		}
	}
	return d
}

// short bounds what a log says.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
