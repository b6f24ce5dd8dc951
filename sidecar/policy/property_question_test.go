package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// A question is a requirement: any or all of its parts, or the members of a plain one.
type question struct {
	join  string // any, all, or none for a plain one
	parts []question
	asks  map[string]any
}

// An atom asks one member for one value.
type atom struct {
	member string
	value  any
}

func (a atom) question() question { return question{asks: map[string]any{a.member: a.value}} }

var memberNames = []string{"role", "permission", "feature", "plan", "reverification"}

// holdings are what a session has by its token. Most questions are about that.
type holdings map[string][]string

func holdingsOf(in policy.Input) holdings {
	h := holdings{}
	if in.Subject == nil {
		return h
	}
	s := in.Subject.Session
	if s.Org != nil {
		h["role"], h["permission"] = []string{s.Org.Role}, s.Org.Permissions
	}
	if s.Features != nil {
		h["feature"] = slices.Concat(s.Features.Org, s.Features.User)
	}
	if s.Plans != nil {
		h["plan"] = slices.Concat(s.Plans.Org, s.Plans.User)
	}
	return h
}

// name is one of the holdings, or any other.
func (h holdings) name(rng *rand.Rand, member string, others ...string) string {
	if len(h[member]) > 0 && !oneIn(rng, 3) {
		return pick(rng, h[member])
	}
	return pick(rng, others)
}

// question nests up to depth.
func (h holdings) question(rng *rand.Rand, depth int, odd bool) question {
	if depth > 0 && oneIn(rng, 3) {
		q := question{join: pick(rng, []string{"any", "all"}), parts: make([]question, pick(rng, []int{0, 1, 1, 2, 2, 2, 2, 3}))}
		for i := range q.parts {
			q.parts[i] = h.question(rng, depth-1, odd)
		}
		return q
	}
	q := question{asks: map[string]any{}}
	for range pick(rng, []int{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3}) {
		a := h.atom(rng, odd)
		q.asks[a.member] = a.value
	}
	return q
}

func (h holdings) atom(rng *rand.Rand, odd bool) atom {
	a := atom{member: pick(rng, slices.Concat(memberNames, []string{"permission", "permission"}))}
	if odd && oneIn(rng, 6) {
		a.value = pick(rng, []any{nil, nil, 5, true, "", "org:", ":", "null", []string{"org:admin"}, raw(`{"a":"reports"}`), raw(`{}`)})
		return a
	}
	switch a.member {
	case "role":
		a.value = spelled(rng, h.name(rng, "role", slices.Concat(roleNames, []string{"org:5"})...), odd)
	case "permission":
		a.value = spelled(rng, h.name(rng, "permission", slices.Concat(ownPermissions, systemPermissions, []string{"org:gold:read"})...), odd)
	case "feature":
		a.value = scopedAs(rng, h.name(rng, "feature", slices.Concat(featureNames, []string{"sso"})...), odd)
	case "plan":
		a.value = scopedAs(rng, h.name(rng, "plan", slices.Concat(planNames, []string{"platinum"})...), odd)
	case "reverification":
		a.value = randomReverification(rng, odd)
	}
	return a
}

// spelled is a name with more or fewer prefixes, and sometimes with what no rule forgives.
func spelled(rng *rand.Rand, name string, odd bool) string {
	if odd && oneIn(rng, 6) {
		return pick(rng, []string{strings.ToUpper(name), " " + name, name + "\n", "\n" + name, name + ":", "org: " + name, name + "\x00", "Org:" + name, ":" + name})
	}
	return pick(rng, []string{name, name, name, strings.TrimPrefix(name, "org:"), "org:" + name, "org:org:" + name})
}

func scopedAs(rng *rand.Rand, name string, odd bool) string {
	if odd && oneIn(rng, 4) {
		return pick(rng, []string{"uo:" + name, ":" + name, name + ":", "org::" + name, "O:" + name, "u:" + name + ":x", " " + name, "o: " + name, "reports:read", "org:", "user:", "::", "o :" + name})
	}
	return pick(rng, []string{name, name, name, "o:" + name, "org:" + name, "organization:" + name, "u:" + name, "user:" + name, "org:" + name + ":read"})
}

func randomReverification(rng *rand.Rand, odd bool) any {
	if oneIn(rng, 2) {
		return pick(rng, []string{"strict_mfa", "strict", "moderate", "lax"})
	}
	if odd && oneIn(rng, 3) {
		return pick(rng, []any{"Strict", "strict ", []string{"strict"}, raw(`{"level":"strict","afterMinutes":5}`), raw(`{"level":"first_factor"}`),
			raw(`{"afterMinutes":5}`), raw(`{"level":"first_factor","afterMinutes":"5"}`), raw(`{"level":"first_factor","afterMinutes":null}`),
			raw(`{"level":"first_factor","afterMinutes":0}`), raw(`{"level":"first_factor","afterMinutes":-1}`), raw(`{"level":null,"afterMinutes":5}`),
			raw(`{"level":["first_factor"],"afterMinutes":5}`), raw(`{"level":"first_factor","afterMinutes":5,"more":1}`), raw(`{"level":"first_factor","afterMinutes":true}`)})
	}
	return map[string]any{
		"level":        pick(rng, []string{"first_factor", "second_factor", "multi_factor"}),
		"afterMinutes": raw(pick(rng, []string{"1", "3", "4", "9.6", "10", "10.5", "1e1", "60", "99999"})),
	}
}

// document is the requirement as JSON says it.
func (q question) document() map[string]any {
	if q.join == "" {
		return q.asks
	}
	parts := make([]any, len(q.parts))
	for i, p := range q.parts {
		parts[i] = p.document()
	}
	return map[string]any{q.join: parts}
}

// holds is the truth of q by the definition alone, from that of its atoms.
func (q question) holds(atomHolds func(atom) bool) bool {
	switch q.join {
	case "any":
		return slices.ContainsFunc(q.parts, func(p question) bool { return p.holds(atomHolds) })
	case "all":
		return len(q.parts) > 0 && !slices.ContainsFunc(q.parts, func(p question) bool { return !p.holds(atomHolds) })
	}
	return len(q.asks) > 0 && !slices.ContainsFunc(q.atoms(), func(a atom) bool { return !atomHolds(a) })
}

// atoms are all that q asks, at any depth.
func (q question) atoms() []atom {
	var all []atom
	for _, p := range q.parts {
		all = append(all, p.atoms()...)
	}
	for _, member := range memberNames {
		if value, asked := q.asks[member]; asked {
			all = append(all, atom{member, value})
		}
	}
	return all
}

// parsed is q as the door reads it, in an order that rng chooses.
func (q question) parsed(t testing.TB, rng *rand.Rand) request.Question {
	t.Helper()
	return ask(t, written(rng, q.document()))
}
