package decision

import "sync/atomic"

// An Answer is a decision as it is remembered and handed to many requests: nobody may
// change it.
type Answer struct {
	Decision
	// Edits are what the policy asks of a proxy besides.
	Edits Edits
	// Context is what the policy tells an AuthZEN caller besides, as package encoding/json
	// has it; nil where it tells nothing. [Answer.Text] has none of it.
	Context map[string]any

	text atomic.Pointer[[]byte]
}

// Text is the answer in the form that it is sent in, made once. All callers must make the
// same of the same decision.
func (a *Answer) Text(render func(Decision) []byte) []byte {
	if made := a.text.Load(); made != nil {
		return *made
	}
	made := render(a.Decision)
	a.text.Store(&made)
	return made
}
