package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postern/sidecar/decision"
)

// mostBroken is how many broken cells are enough to stop at.
const mostBroken = 10

// A BrokenError says for which cells the policy gave no decision, and why: all of them, or
// the first that were found where there are very many.
type BrokenError struct {
	Cells []Broken
	// Stopped is set where other cells were not asked for any more.
	Stopped bool
}

// A Broken is a cell without a decision. Cause may be nil.
type Broken struct {
	Key   Key
	Code  decision.Code
	Cause error
}

func (e *BrokenError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "the policy gave no decision for %s", count(len(e.Cells), "cell"))
	if e.Stopped {
		text.WriteString(", and was asked for no more")
	}
	for _, b := range e.Cells {
		fmt.Fprintf(&text, "\n  %v: %s", b.Key, b.Code)
		if b.Cause != nil {
			fmt.Fprintf(&text, ": %v", b.Cause)
		}
	}
	return text.String()
}

// count is a number and a noun, in the plural but for one.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// undecidedCodes say that nothing was decided. The server denies with them.
var undecidedCodes = []decision.Code{
	decision.PolicyError, decision.PolicyTimeout, decision.PolicyUndefined,
	decision.Overloaded, decision.NotReady, decision.RequestMalformed,
}

// undecided reports whether a decision is none, and the code that says so.
func undecided(d decision.Decision, cause error) (decision.Code, bool) {
	for _, r := range d.Reasons {
		if slices.Contains(undecidedCodes, r.Code) {
			return r.Code, true
		}
	}
	return decision.PolicyError, cause != nil
}

// codes are the codes of a decision, each once. Reasons are sorted by code already.
func codes(d decision.Decision) []decision.Code {
	all := []decision.Code{}
	for _, r := range d.Reasons {
		all = append(all, r.Code)
	}
	return slices.Compact(all)
}

// A brokenList collects broken cells from several columns at once.
type brokenList struct {
	mu   sync.Mutex
	list []Broken
}

func (l *brokenList) add(b Broken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < mostBroken {
		l.list = append(l.list, b)
	}
}

func (l *brokenList) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list) == mostBroken
}

func (l *brokenList) err() error {
	if len(l.list) == 0 {
		return nil
	}
	slices.SortFunc(l.list, func(a, b Broken) int { return compare(a.Key, b.Key) })
	return &BrokenError{Cells: l.list, Stopped: len(l.list) == mostBroken}
}

// compare orders cells as the tables do.
func compare(a, b Key) int {
	return cmp.Or(
		cmp.Compare(a.RoleSet, b.RoleSet),
		cmp.Compare(a.Plan, b.Plan),
		cmp.Compare(a.Role, b.Role),
		cmp.Compare(a.Permission, b.Permission),
	)
}
