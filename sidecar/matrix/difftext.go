package matrix

import (
	"fmt"
	"io"
	"strings"
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
			text.WriteString("  " + place(first.RoleSet, first.Plan) + s.whole(first, first.RoleSet, first.Plan) + "\n")
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
			why := s.note(c)
			if c.Lacks == "role_set" || c.Lacks == "plan" {
				why = strings.TrimPrefix(s.whole(c, "", ""), ": ")
			}
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
	became  string
	changes []Change
	// other is when the denial is: was it denied, or is it now?
	other string
	// appeared is what happened to something that the other side lacks.
	appeared string
	approved int
}

func (d *Diff) sides() []side {
	return []side{
		{"newly allowed", d.Allowed, "was", "new", len(d.Allowed) - d.Unapproved()},
		{"newly denied", d.Denied, "now", "gone", 0},
	}
}

func (s side) title() string {
	title := fmt.Sprintf("%s: %s", s.became, count(len(s.changes), "cell"))
	if s.approved > 0 {
		title += fmt.Sprintf(", %d of them approved", s.approved)
	}
	return title
}

// whole says that all of a role set or plan is new or gone, or nothing. The names may be
// left out where they stand beside it.
func (s side) whole(c Change, roleSet, plan string) string {
	switch c.Lacks {
	case "role_set":
		return ": " + existence("role set", roleSet, c.RoleSet, s.appeared)
	case "plan":
		return ": " + existence("plan", plan, c.Plan, s.appeared)
	default:
		return ""
	}
}

// existence says that an entry is new or gone, or, for the empty key, that there is no
// section of such entries any more, or only now.
func existence(what, shown, key, appeared string) string {
	if key == "" {
		if appeared == "new" {
			return "the model has no " + what + "s any more"
		}
		return "the model has " + what + "s now"
	}
	if shown == "" {
		return "the " + what + " is " + appeared
	}
	return what + " " + shown + " is " + appeared
}

// note says of one cell why it was or is denied.
func (s side) note(c Change) string {
	switch c.Lacks {
	case "":
		return s.other + " " + longCodes(c.Reasons)
	case "role":
		return "the role is " + s.appeared + " here"
	case "permission":
		return "the permission is " + s.appeared
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
		return "approved: " + oneLine(c.Approval)
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
