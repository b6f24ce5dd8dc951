package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/cmd/soak/origin"
	"postern/cmd/soak/world"
)

// A judge says whether answers are right. It knows which revisions there are and which keys
// Postern was given, and remembers the newest revision that any answer has shown: whoever
// asks after that must not get an older one.
type judge struct {
	world   world.World
	bundles *origin.Bundles
	issuers map[string]*origin.Keys

	seen atomic.Int64 // the newest revision that an answer has shown

	mu     sync.Mutex // guards what follows
	faults map[string]int
	first  []string // the first few faults
	counts map[string]map[string]int
}

// kept is how many faults are told in words.
const kept = 20

// The kinds of faults.
const (
	wrongAnswer = "wrong answers"
	lostAnswer  = "lost answers"
	badRecord   = "wrong records"
	otherFault  = "other failures"
)

// A span is the time between a request and its answer.
type span struct {
	begin time.Time
	from  int // the newest revision that was seen before
}

// begin starts a span, before the request is sent.
func (j *judge) begin() span { return span{time.Now(), int(j.seen.Load())} }

// A question is all that the outcome depends on but the revision and the key.
type question struct {
	session *world.Session
	// ask is the outcome under a revision, the key being known or not.
	ask func(revision int, known bool) world.Outcome
}

// possible are the outcomes that are right for an answer that comes now.
func (j *judge) possible(q question, s span) []world.Outcome {
	var all []world.Outcome
	for _, r := range j.bundles.Between(s.from, j.bundles.Newest()) {
		all = j.under(all, q, s, r)
	}
	return all
}

// under adds the outcomes that are right under one revision.
func (j *judge) under(all []world.Outcome, q question, s span, revision int) []world.Outcome {
	may, mayNot := true, false
	if keys := j.issuers[q.session.Issuer]; q.session.Keyed() && keys != nil {
		may, mayNot = keys.Known(q.session.KeyID, s.begin, time.Now())
	}
	for _, known := range []bool{true, false} {
		if known && !may || !known && !mayNot {
			continue
		}
		if o := q.ask(revision, known); !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return all
}

// A verdict is what an answer says; what it does not say is zero.
type verdict struct {
	allow  bool
	status int
	code   string
}

func (v verdict) is(o world.Outcome) bool {
	return v.allow == o.Allow && (v.status == 0 || v.status == o.Status) && (v.code == "" || v.code == o.Code)
}

// decided judges a verdict.
func (j *judge) decided(q question, s span, v verdict) error {
	right := j.possible(q, s)
	if slices.ContainsFunc(right, v.is) {
		return nil
	}
	return fmt.Errorf("kind %d of %s in %s with key %s is answered %+v, want one of %+v (revisions %v)",
		q.session.Kind, q.session.User, world.Organization(q.session.Organization), q.session.KeyID, v, right,
		j.bundles.Between(s.from, j.bundles.Newest()))
}

// showed judges the revision that an answer says it was made on, and remembers it.
func (j *judge) showed(revision int, s span) error {
	if !slices.Contains(j.bundles.Between(s.from, j.bundles.Newest()), revision) {
		return fmt.Errorf("answered on revision %d, which is not a good one from %d on", revision, s.from)
	}
	for {
		seen := j.seen.Load()
		if int64(revision) <= seen || j.seen.CompareAndSwap(seen, int64(revision)) {
			return nil
		}
	}
}

// fault notes that something was not as it must be.
func (j *judge) fault(kind, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults[kind]++
	if len(j.first) < kept {
		j.first = append(j.first, kind+": "+fmt.Sprintf(format, args...))
	}
}

// count counts what came of a request.
func (j *judge) count(door, outcome string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.counts[door] == nil {
		j.counts[door] = map[string]int{}
	}
	j.counts[door][outcome]++
}

// totals are the sums over all doors but the abuse.
func (j *judge) totals() (requests, faults int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for door, outcomes := range j.counts {
		if door == abuse {
			continue
		}
		for n := range maps.Values(outcomes) {
			requests += n
		}
	}
	for n := range maps.Values(j.faults) {
		faults += n
	}
	return requests, faults
}
