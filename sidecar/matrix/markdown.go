package matrix

import (
	"io"
	"regexp"
	"strings"
	"unicode"
)

// WriteMarkdown writes a GitHub table for each role set and plan, and a legend.
func (m *Matrix) WriteMarkdown(w io.Writer) error {
	var text strings.Builder
	for i := range m.Tables {
		t := &m.Tables[i]
		text.WriteString("### " + place(t.RoleSet, t.Plan, markdownKey) + "\n\n")
		head := []string{"Permission"}
		for _, role := range t.Roles {
			head = append(head, markdownKey(role))
		}
		markdownHead(&text, head)
		for p, permission := range t.Permissions {
			line := []string{markdownKey(permission)}
			for _, c := range t.row(p) {
				line = append(line, markdownText(c.short()))
			}
			markdownLine(&text, line)
		}
		text.WriteString("\n")
	}
	if legend := m.legend(); len(legend) > 0 {
		markdownHead(&text, []string{"Cell", "Means"})
		for _, w := range legend {
			markdownLine(&text, []string{markdownText(w.short), markdownText(w.meaning)})
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func markdownHead(text *strings.Builder, cells []string) {
	markdownLine(text, cells)
	rule := make([]string, len(cells))
	for i := range rule {
		rule[i] = "---"
	}
	markdownLine(text, rule)
}

func markdownLine(text *strings.Builder, cells []string) {
	text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// plainKey is a key that a code span holds as it stands, in a table as well.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.:/@+-]+$`)

// markdownKey is a key as code, or as text where it has a character that tables or code
// spans take for their own.
func markdownKey(key string) string {
	if plainKey.MatchString(key) {
		return "`" + key + "`"
	}
	return markdownText(key)
}

// markdownText is text that means nothing but itself in a table's cell. A backslash is
// written as an entity, since one in front of an escaped | would end the cell.
func markdownText(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			out.WriteString("&#92;")
		case r == '<':
			out.WriteString("&lt;")
		case r == '>':
			out.WriteString("&gt;")
		case r == '&':
			out.WriteString("&amp;")
		case strings.ContainsRune("`*[]|~#!$", r):
			out.WriteRune('\\')
			out.WriteRune(r)
		case unicode.IsSpace(r) || unicode.IsControl(r):
			out.WriteRune(' ')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
