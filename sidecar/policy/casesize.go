package policy

import (
	"context"
	"math"

	"github.com/open-policy-agent/opa/v1/ast"
)

// What a case takes besides what it is about, and a value of an OPA client's input besides
// its text, in bytes.
const (
	caseCost  = 1 << 10
	valueCost = 128
)

// Size is the memory that the case takes while it is kept, in bytes, roughly and rather too
// much: what others keep as well, such as the session, counts too.
func (c *Case) Size() int {
	n := caseCost + c.Input.Subject.Size()
	switch {
	case c.Check != nil:
		n += len(c.Check.Normal()) + len(c.Check.Resource) + len(c.Check.Context)
	case c.Request != nil:
		n += c.Request.Size()
	case c.Evaluation != nil:
		e := c.Evaluation
		n += len(e.Context)
		for _, text := range []string{e.Subject.Type, e.Subject.ID, e.Action.Name, e.Resource.Type, e.Resource.ID} {
			n += len(text)
		}
		n += len(e.Subject.Properties) + len(e.Action.Properties) + len(e.Resource.Properties)
	case c.Data != nil:
		for _, name := range c.Data.Path {
			n += len(name)
		}
		n += sizeOfValue(c.Data.Input.value) + sizeOfValue(c.Data.Common.value)
	}
	return n
}

// sizeOfValue reckons what a value takes. What is in it twice counts twice.
func sizeOfValue(v ast.Value) int {
	if v == nil {
		return 0
	}
	r := &room{ctx: context.Background(), left: math.MaxInt}
	// There is room for everything, and nobody to give up.
	_ = r.take(v)
	return math.MaxInt - r.left + valueCost*r.values
}
