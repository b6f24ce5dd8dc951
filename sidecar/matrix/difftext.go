package matrix

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"postern/sidecar/phrase"
)

// WriteTable writes the diff as text, in a block for each role set and plan.
func (d *Diff) WriteTable(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s -> %s\n", d.Old.Revision, d.New.Revision)
	if len(d.Allowed)+len(d.Denied) == 0 {
		text.WriteString("no cell differs\n")
	}
	for _, s := range d.sides() {
		if len(s.changes) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s\n", s.title())
		for changes := range blocks(s.changes) {
			first := changes[0]
			text.WriteString("  " + place(first.RoleSet, first.Plan, plainly))
			if whole := s.whole(first, true); whole != "" {
				text.WriteString(": " + whole)
			}
			text.WriteString("\n")
			var lines [][]string
			for _, c := range changes {
				lines = append(lines, []string{c.Role, c.Permission, s.note(c), approvalNote(c)})
			}
			align(&text, "    ", lines)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// WriteMarkdown writes the diff as one GitHub table for what is newly allowed and one for
// what is newly denied.
func (d *Diff) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s → %s\n", markdownKey(d.Old.Revision), markdownKey(d.New.Revision))
	if len(d.Allowed)+len(d.Denied) == 0 {
		text.WriteString("\nNo cell differs.\n")
	}
	for _, s := range d.sides() {
		if len(s.changes) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n### %s%s\n\n", strings.ToUpper(s.title()[:1]), s.title()[1:])
		markdownHead(&text, []string{"Role set", "Plan", "Role", "Permission", "Why", "Approved"})
		for _, c := range s.changes {
			why := cmp.Or(s.whole(c, false), s.note(c))
			markdownLine(&text, []string{
				optionalKey(c.RoleSet), optionalKey(c.Plan), markdownKey(c.Role), markdownKey(c.Permission),
				markdownText(why), markdownText(approvalNote(c)),
			})
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func optionalKey(key string) string {
	if key == "" {
		return "none"
	}
	return markdownKey(key)
}

// A side is what became of some cells: newly allowed, or newly denied.
type side struct {
	allowed  bool
	changes  []Change
	approved int
}

func (d *Diff) sides() []side {
	return []side{
		{allowed: true, changes: d.Allowed, approved: len(d.Allowed) - d.Unapproved()},
		{allowed: false, changes: d.Denied},
	}
}

// either is the word for a newly allowed cell, or the one for a newly denied cell.
func (s side) either(allowed, denied string) string {
	if s.allowed {
		return allowed
	}
	return denied
}

func (s side) title() string {
	title := fmt.Sprintf("%s: %s", s.either("newly allowed", "newly denied"), count(len(s.changes), "cell"))
	if s.approved > 0 {
		title += fmt.Sprintf(", %d of them approved", s.approved)
	}
	return title
}

// appeared is what became of something that the side which denies does not have.
func (s side) appeared() string { return s.either("new", "gone") }

// whole says that all of a role set or plan is new or gone, or nothing. Its name may be
// left out where it stands beside it.
func (s side) whole(c Change, named bool) string {
	switch c.Lacks {
	case "role_set":
		return s.existence("role set", c.RoleSet, named)
	case "plan":
		return s.existence("plan", c.Plan, named)
	default:
		return ""
	}
}

// existence says that an entry is new or gone, or, for the empty key, that there is no
// section of such entries any more, or only now.
func (s side) existence(what, key string, named bool) string {
	switch {
	case key == "":
		return s.either("the model has no "+what+"s any more", "the model has "+what+"s now")
	case named:
		return what + " " + key + " is " + s.appeared()
	default:
		return "the " + what + " is " + s.appeared()
	}
}

// note says of one cell why it was or is denied.
func (s side) note(c Change) string {
	switch c.Lacks {
	case "":
		return s.either("was", "now") + " " + longCodes(c.Reasons)
	case "role":
		return "the role is " + s.appeared() + " here"
	case "permission":
		return "the permission is " + s.appeared()
	default:
		return ""
	}
}

func approvalNote(c Change) string {
	switch {
	case !c.Approved:
		return ""
	case c.Approval == "":
		return "approved"
	default:
		return "approved: " + phrase.OneLine(c.Approval)
	}
}

// blocks yields the changes of one role set and plan after another.
func blocks(changes []Change) func(yield func([]Change) bool) {
	return func(yield func([]Change) bool) {
		for len(changes) > 0 {
			end := 1
			for end < len(changes) && changes[end].RoleSet == changes[0].RoleSet && changes[end].Plan == changes[0].Plan {
				end++
			}
			if !yield(changes[:end]) {
				return
			}
			changes = changes[end:]
		}
	}
}
