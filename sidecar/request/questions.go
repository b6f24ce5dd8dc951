package request

import (
	"fmt"

	"postern/sidecar/cache"
)

// Bounds of [Questions], in bytes: of each of its caches, and of a body that is kept. Apps
// ask the same few questions all day; what names a resource is hardly asked twice.
const (
	questionsRoom = 4 << 20
	longestKept   = 16 << 10
	questionCost  = 600 // what a parsed question takes at least
)

// Questions reads bodies as [ParseCheck] and [ParseChecks] do, and remembers by its whole
// text what it has read before. It is safe for concurrent use. What it returns is shared:
// nobody may change it.
type Questions struct {
	limit   int
	single  *cache.Cache[*Question]
	batches *cache.Cache[[]Question]
}

// NewQuestions reads batches of at most limit questions.
func NewQuestions(limit int) (*Questions, error) {
	q := &Questions{limit: limit}
	var err error
	if q.single, err = cache.New[*Question](questionsRoom, nil); err != nil {
		return nil, fmt.Errorf("questions: %w", err)
	}
	if q.batches, err = cache.New[[]Question](questionsRoom, nil); err != nil {
		return nil, fmt.Errorf("questions: %w", err)
	}
	return q, nil
}

// Check reads the body of POST /v1/check.
func (q *Questions) Check(body []byte) (*Question, error) {
	// The cache copies what it keeps.
	text := view(body)
	if known, ok := q.single.Get(text); ok {
		return known, nil
	}
	asked, err := ParseCheck(body)
	if err != nil {
		return nil, err
	}
	if asked.plain() && len(body) <= longestKept {
		q.single.Put(text, &asked, asked.cost(len(body)))
	}
	return &asked, nil
}

// Checks reads the body of POST /v1/checks.
func (q *Questions) Checks(body []byte) ([]Question, error) {
	text := view(body)
	if known, ok := q.batches.Get(text); ok {
		return known, nil
	}
	asked, err := ParseChecks(body, q.limit)
	if err != nil {
		return nil, err
	}
	cost, plain := 0, true
	for i := range asked {
		cost += asked[i].cost(0)
		plain = plain && asked[i].plain()
	}
	if plain && len(body) <= longestKept {
		q.batches.Put(text, asked, cost+2*len(body))
	}
	return asked, nil
}

// plain reports whether a question is one of those that are asked again.
func (q *Question) plain() bool { return q.Resource == nil && q.Context == nil }

// cost reckons the memory of a parsed question.
func (q *Question) cost(body int) int {
	return questionCost + questionCost*q.Require.Parts() + 2*len(q.normal) + body
}
