package matrix

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed matrix.html
var pageText string

var page = template.Must(template.New("matrix").Parse(pageText))

// A htmlPage is what the page's template reads.
type htmlPage struct {
	*Matrix
	Legend []htmlCell
	Tables []htmlTable
}

type htmlTable struct {
	Number        int
	RoleSet, Plan htmlKey
	Roles         []htmlKey
	Rows          []htmlRow
}

type htmlRow struct {
	Permission htmlKey
	Cells      []htmlCell
}

// A htmlKey is a key and its name, which may be empty.
type htmlKey struct{ Key, Name string }

// A htmlCell is one answer: its class, its word, and what the word means in full.
type htmlCell struct{ Class, Word, Means string }

// WriteHTML writes one page that needs nothing else, and has no script.
func (m *Matrix) WriteHTML(w io.Writer) error {
	p := htmlPage{Matrix: m}
	for _, w := range m.legend() {
		p.Legend = append(p.Legend, htmlCell{Class: class(w.code == ""), Word: w.short, Means: w.meaning})
	}
	for i := range m.Tables {
		p.Tables = append(p.Tables, m.htmlTable(i))
	}
	return page.Execute(w, p)
}

func (m *Matrix) htmlTable(number int) htmlTable {
	t := &m.Tables[number]
	out := htmlTable{
		Number:  number + 1,
		RoleSet: htmlKey{t.RoleSet, m.Names.RoleSets[t.RoleSet]},
		Plan:    htmlKey{t.Plan, m.Names.Plans[t.Plan]},
	}
	for _, role := range t.Roles {
		out.Roles = append(out.Roles, htmlKey{role, m.Names.Roles[role]})
	}
	for i, permission := range t.Permissions {
		row := htmlRow{Permission: htmlKey{permission, m.Names.Permissions[permission]}}
		for _, c := range t.row(i) {
			cell := htmlCell{Class: class(c.Allow), Word: c.short(), Means: longCodes(c.Reasons)}
			row.Cells = append(row.Cells, cell)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func class(allow bool) string {
	if allow {
		return "yes"
	}
	return "no"
}
