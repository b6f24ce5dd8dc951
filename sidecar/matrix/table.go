package matrix

import (
	"io"
	"strings"
	"unicode/utf8"
)

// WriteTable writes a block of aligned text for each table, and a legend.
func (m *Matrix) WriteTable(w io.Writer) error {
	var text strings.Builder
	for i := range m.Tables {
		t := &m.Tables[i]
		text.WriteString(place(t.RoleSet, t.Plan, plainly) + "\n")
		lines := [][]string{append([]string{""}, t.Roles...)}
		for p, permission := range t.Permissions {
			line := []string{permission}
			for _, c := range t.row(p) {
				line = append(line, c.short())
			}
			lines = append(lines, line)
		}
		align(&text, "  ", lines)
		text.WriteString("\n")
	}
	var lines [][]string
	for _, w := range m.legend() {
		lines = append(lines, []string{w.short, w.meaning})
	}
	align(&text, "", lines)
	_, err := io.WriteString(w, text.String())
	return err
}

// align writes lines of equally many cells in columns, two spaces apart.
func align(text *strings.Builder, indent string, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		var whole strings.Builder
		whole.WriteString(indent)
		for i, cell := range line {
			whole.WriteString(cell)
			whole.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		text.WriteString(strings.TrimRight(whole.String(), " ") + "\n")
	}
}
