package requirement

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxWork bounds the words that the conjunctions of one requirement may copy. A
// hostile nest can be expanded to few terms over and over; the largest list that fits
// MaxTerms in both directions needs half of this.
const maxWork = 1 << 18

// A clause is a conjunction: the sorted, distinct numbers of the words that must all
// hold. It is never empty, and never changed once made.
type clause []int

// A word asks one member for one value.
type word struct {
	member int
	value  jsontext.Value
}

// words numbers the distinct words of one requirement, so that the algebra on
// clauses compares numbers and not values, and counts the work done on them.
type words struct {
	number map[string]int
	list   []word
	work   int
}

func newWords() *words {
	return &words{number: make(map[string]int)}
}

// clause is the conjunction of the members that the plain term t asks for.
func (w *words) clause(t *Term) clause {
	var c clause
	for m := range members {
		if value := *t.member(m); value != nil {
			c = append(c, w.numberOf(m, value))
		}
	}
	slices.Sort(c)
	return c
}

// numberOf is the number of a word, a new one if it was not met before.
func (w *words) numberOf(m int, value jsontext.Value) int {
	key := string(append([]byte{byte(m)}, value...))
	n, ok := w.number[key]
	if !ok {
		n = len(w.list)
		w.number[key] = n
		w.list = append(w.list, word{m, value})
	}
	return n
}

// or adds the clauses of b that a does not have. It may write behind a's length.
func (w *words) or(a, b []clause) ([]clause, error) {
	for _, c := range b {
		if contains(a, c) {
			continue
		}
		if len(a) == MaxTerms {
			return nil, errTooMany
		}
		a = append(a, c)
	}
	return a, nil
}

// and multiplies out: every clause of a with every one of b. Either one false, which
// is no clause at all, makes the product false.
func (w *words) and(a, b []clause) ([]clause, error) {
	if len(a)*len(b) > MaxTerms {
		return nil, errTooMany
	}
	product := make([]clause, 0, len(a)*len(b))
	for _, left := range a {
		for _, right := range b {
			c, err := w.union(left, right)
			if err != nil {
				return nil, err
			}
			if !contains(product, c) {
				product = append(product, c)
			}
		}
	}
	return product, nil
}

// union is the conjunction of two clauses.
func (w *words) union(a, b clause) (clause, error) {
	if w.work += len(a) + len(b); w.work > maxWork {
		return nil, errTooMuchWork
	}
	c := make(clause, 0, len(a)+len(b))
	c = append(append(c, a...), b...)
	slices.Sort(c)
	c = slices.Compact(c)
	if w.width(c) > MaxTerms {
		return nil, errTooWide
	}
	return c, nil
}

// width is the most values that c asks of any one member.
func (w *words) width(c clause) int {
	var values [len(members)]int
	for _, n := range c {
		values[w.list[n].member]++
	}
	return slices.Max(values[:])
}

// terms spells clauses out. A clause that asks no member twice is one plain term;
// any other is as many as its width, the first with the first value of every member.
func (w *words) terms(clauses []clause) []Term {
	if len(clauses) == 0 {
		return nil
	}
	terms := make([]Term, len(clauses))
	for i, c := range clauses {
		plain := make([]Term, w.width(c))
		var values [len(members)]int
		for _, n := range c {
			word := w.list[n]
			*plain[values[word.member]].member(word.member) = word.value
			values[word.member]++
		}
		if len(plain) == 1 {
			terms[i] = plain[0]
			continue
		}
		terms[i].All = plain
	}
	return terms
}

// contains reports whether c is among clauses.
func contains(clauses []clause, c clause) bool {
	return slices.ContainsFunc(clauses, func(other clause) bool { return slices.Equal(other, c) })
}

var (
	errTooMany     = fmt.Errorf("the requirement expands to more than %d terms", MaxTerms)
	errTooWide     = fmt.Errorf("one conjunction asks one key for more than %d values", MaxTerms)
	errTooMuchWork = fmt.Errorf("the requirement takes too much work to expand to %d terms", MaxTerms)
)
