package model

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"postern/sidecar/phrase"
)

// A node is one value of the document and the way to it.
type node struct {
	parent *node
	name   string
	value  any
}

func (n *node) path() []string {
	var path []string
	for ; n.parent != nil; n = n.parent {
		path = append(path, n.name)
	}
	slices.Reverse(path)
	return path
}

func (n *node) child(name string, value any) *node {
	return &node{parent: n, name: name, value: value}
}

// A checker reads the document and keeps what is wrong with it.
type checker struct {
	wrong report
	doubt report
	// known holds the names that each section defines; a section that the document does
	// not have is not in it.
	known map[string]map[string]bool
}

// failf reports n's value, keyf the name that leads to it.
func (c *checker) failf(n *node, format string, args ...any) {
	c.wrong.add(Place{Path: n.path()}, fmt.Sprintf(format, args...))
}

func (c *checker) keyf(n *node, format string, args ...any) {
	c.wrong.add(Place{Path: n.path(), Key: true}, fmt.Sprintf(format, args...))
}

func (c *checker) warnf(n *node, format string, args ...any) {
	c.doubt.add(Place{Path: n.path(), Key: true}, fmt.Sprintf(format, args...))
}

// object yields the members of n in the order of their names. What is not an object is
// a mistake and has none.
func (c *checker) object(n *node) iter.Seq[*node] {
	members, ok := n.value.(map[string]any)
	if !ok {
		c.failf(n, "%s must be an object, not %s", n.title(), kindOf(n.value))
		return func(func(*node) bool) {}
	}
	return func(yield func(*node) bool) {
		names := slices.AppendSeq(make([]string, 0, len(members)), maps.Keys(members))
		slices.Sort(names)
		for _, name := range names {
			if !yield(n.child(name, members[name])) {
				return
			}
		}
	}
}

// size is how many members n has.
func (n *node) size() int {
	members, _ := n.value.(map[string]any)
	return len(members)
}

// array yields the elements of n. What is not an array is a mistake and has none.
func (c *checker) array(n *node) iter.Seq[*node] {
	elements, ok := n.value.([]any)
	if !ok {
		c.failf(n, "%s must be a list, not %s", n.title(), kindOf(n.value))
		return func(func(*node) bool) {}
	}
	return func(yield func(*node) bool) {
		for i, e := range elements {
			if !yield(n.child(strconv.Itoa(i), e)) {
				return
			}
		}
	}
}

// unknown reports a member that none of the known ones is.
func (c *checker) unknown(n *node, known ...string) {
	c.keyf(n, "unknown key %s%s", phrase.Quote(n.name), phrase.DidYouMean(phrase.Suggest(n.name, known)))
}

func (c *checker) text(n *node) string {
	s, ok := n.value.(string)
	if !ok {
		c.failf(n, "%s must be a string, not %s", n.title(), kindOf(n.value))
	}
	return s
}

func (c *checker) flag(n *node) *bool {
	b, ok := n.value.(bool)
	if !ok {
		c.failf(n, "%s must be true or false, not %s", n.title(), kindOf(n.value))
		return nil
	}
	return &b
}

// whole reads a number that counts something: digits alone, up to most.
func (c *checker) whole(n *node, most int64) *int64 {
	number, ok := n.value.(json.Number)
	if !ok {
		c.failf(n, "%s must be a whole number, not %s", n.title(), kindOf(n.value))
		return nil
	}
	i, err := strconv.ParseUint(number.String(), 10, 63)
	if err != nil || int64(i) > most {
		c.failf(n, "%s must be a whole number from 0 to %d, not %s", n.title(), most, phrase.Quote(number.String()))
		return nil
	}
	value := int64(i)
	return &value
}

// limit reads a limit, where 0 is none.
func (c *checker) limit(n *node) *int {
	i := c.whole(n, 1<<31-1)
	if i == nil {
		return nil
	}
	value := int(*i)
	return &value
}

// texts reads a list of strings that differ, and gives each to check.
func (c *checker) texts(n *node, check func(*node, string)) []string {
	list := []string{}
	seen := map[string]bool{}
	for e := range c.array(n) {
		s, ok := e.value.(string)
		switch {
		case !ok:
			c.failf(e, "an entry of %s must be a string, not %s", n.title(), kindOf(e.value))
			continue
		case seen[s]:
			c.failf(e, "%s is in %s twice", phrase.Quote(s), n.title())
			continue
		}
		seen[s] = true
		check(e, s)
		list = append(list, s)
	}
	return list
}

// oneOf reads a string that is one of a closed set.
func (c *checker) oneOf(n *node, set []string) string {
	s, ok := n.value.(string)
	if !ok {
		c.failf(n, "%s must be a string, not %s", n.title(), kindOf(n.value))
		return ""
	}
	if !slices.Contains(set, s) {
		c.failf(n, "%s is %s, which is none of %s%s", n.title(), phrase.Quote(s), strings.Join(set, ", "), phrase.DidYouMean(phrase.Suggest(s, set)))
	}
	return s
}

// refer checks that a section which the document has defines name.
func (c *checker) refer(n *node, what, section, name string) {
	names, ok := c.known[section]
	if !ok || names[name] {
		return
	}
	if c.wrong.full() {
		c.wrong.more++
		return
	}
	c.failf(n, "%s %s is not defined in %s%s", what, phrase.Quote(name), section, phrase.DidYouMean(phrase.Suggest(name, slices.Collect(maps.Keys(names)))))
}

// reference reads a string that names an entry of a section.
func (c *checker) reference(n *node, what, section string) string {
	s := c.text(n)
	if s != "" {
		c.refer(n, what, section, s)
	} else if _, ok := n.value.(string); ok {
		c.failf(n, "%s is empty", n.title())
	}
	return s
}

// title is how an error calls n: its name, or the list that it is in.
func (n *node) title() string {
	if n.parent == nil {
		return "the model"
	}
	if _, ok := n.parent.value.([]any); ok {
		return "an entry of " + n.parent.title()
	}
	return phrase.Quote(n.name)
}

// kindOf names a value's type for people.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", value)
}
