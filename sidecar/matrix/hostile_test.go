package matrix_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"postern/sidecar/matrix"
)

// hostile are keys that the model accepts and that each format must disarm. None begins
// with org:, which leaves them free.
var hostile = []string{
	`=cmd|calc!A0`, `+1`, `-1+1`, `@SUM(1)`, `a|b`, `a\|b`, `a\`, "`a`", "`|`", `*a*`, `[a](javascript:alert(1))`,
	`<script>alert(1)</script>`, `"><img/src=x/onerror=alert(1)>`, `'onclick='x`, `{{.}}`, `&lt;`, `a,b"c`, `</style>`, `</title>`, `~~a~~`, `ключ`,
}

// hostileMatrix has every hostile key in every place, and as every name.
func hostileMatrix(t *testing.T) *matrix.Matrix {
	t.Helper()
	d := map[string]map[string]any{"permissions": {}, "roles": {}, "role_sets": {}, "plans": {}}
	for i, key := range hostile {
		name := hostile[len(hostile)-1-i] + "\n\t\x00\x1b[31m =1"
		d["permissions"][key] = map[string]any{"name": name}
		d["roles"][key] = map[string]any{"name": name}
		if i%11 == 0 {
			d["role_sets"][key] = map[string]any{"name": name, "roles": hostile, "default_role": hostile[0], "creator_role": hostile[0]}
			d["plans"][key] = map[string]any{"name": name}
		}
	}
	model := map[string]any{"settings": map[string]any{"minimum_permissions": []string{}}}
	for section, entries := range d {
		model[section] = entries
	}
	return build(t, load(t, "model/data.json", marshal(t, model)), matrix.Options{})
}

func TestHostile(t *testing.T) {
	m := hostileMatrix(t)
	t.Run("csv", func(t *testing.T) { hostileCSV(t, m) })
	t.Run("markdown", func(t *testing.T) { hostileMarkdown(t, m) })
	t.Run("html", func(t *testing.T) { hostileHTML(t, m) })
	t.Run("table", func(t *testing.T) { hostileTable(t, m) })
}

func hostileCSV(t *testing.T, m *matrix.Matrix) {
	var text bytes.Buffer
	if err := m.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	i := 1
	for c := range m.Cells() {
		for at, want := range []string{c.RoleSet, c.Plan, c.Role, c.Permission} {
			got := lines[i][at]
			if strings.ContainsRune("=+-@\t\r", rune(got[0])) {
				t.Errorf("a spreadsheet runs %q", got)
			}
			if got != want && got != "'"+want {
				t.Errorf("%q is written as %q", want, got)
			}
		}
		i++
	}
	if i != len(lines) {
		t.Errorf("%d lines for %d cells", len(lines), i-1)
	}
}

// cells splits a line of a GitHub table as GitHub does: at every | without a backslash.
func cells(line string) []string {
	var all []string
	var cell strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			cell.WriteString(line[i : i+2])
			i++
		case line[i] == '|':
			all = append(all, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			cell.WriteByte(line[i])
		}
	}
	return all[1:]
}

// rendered is what a cell that has no markup reads as. Markup left in it stays.
func rendered(cell string) string {
	if strings.HasPrefix(cell, "`") && strings.HasSuffix(cell, "`") && strings.Count(cell, "`") == 2 {
		return strings.Trim(cell, "`")
	}
	var out strings.Builder
	for i := 0; i < len(cell); i++ {
		if cell[i] == '\\' {
			i++
		}
		out.WriteByte(cell[i])
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&#92;", `\`).Replace(out.String())
}

func hostileMarkdown(t *testing.T, m *matrix.Matrix) {
	var text bytes.Buffer
	if err := m.WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	table, row := -1, 0
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "### ") {
			table, row = table+1, -2
		}
		if !strings.HasPrefix(line, "|") || row == len(m.Tables[0].Permissions) {
			continue
		}
		got := cells(line)
		if len(got) != 1+len(hostile) {
			t.Fatalf("%d cells, want %d: %s", len(got), 1+len(hostile), line)
		}
		if row == -2 {
			for i, role := range m.Tables[table].Roles {
				if rendered(got[i+1]) != role {
					t.Errorf("%q is written as %s", role, got[i+1])
				}
			}
		} else if row >= 0 && rendered(got[0]) != m.Tables[table].Permissions[row] {
			t.Errorf("%q is written as %s", m.Tables[table].Permissions[row], got[0])
		}
		row++
	}
	if table+1 != len(m.Tables) {
		t.Errorf("%d tables, want %d", table+1, len(m.Tables))
	}
	for _, raw := range []string{"<script", "<img", "</style", "\n[a]"} {
		if strings.Contains(text.String(), raw) {
			t.Errorf("%s stands as it is", raw)
		}
	}
}

// hostileHTML reads the page as a browser would and finds every key as text, and
// no element that the template does not have.
func hostileHTML(t *testing.T, m *matrix.Matrix) {
	var text bytes.Buffer
	if err := m.WriteHTML(&text); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(&text)
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	elements, codes := map[string]int{}, map[string]int{}
	in := ""
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			in = token.Name.Local
			elements[in]++
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src" || a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
					t.Errorf("<%s %s=%q>", in, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if in == "code" {
				codes[string(token)]++
			}
			in = ""
		}
	}
	for _, key := range hostile {
		if codes[key] < len(m.Tables)*2 {
			t.Errorf("%q is there %d times, want at least %d", key, codes[key], len(m.Tables)*2)
		}
	}
	for _, none := range []string{"script", "img", "link", "iframe", "form"} {
		if elements[none] > 0 {
			t.Errorf("%d <%s>", elements[none], none)
		}
	}
	if elements["table"] != len(m.Tables) || elements["caption"] != len(m.Tables) || elements["style"] != 1 || elements["title"] != 1 {
		t.Errorf("elements: %v", elements)
	}
}

// hostileTable: nothing reaches a terminal but lines of text.
func hostileTable(t *testing.T, m *matrix.Matrix) {
	var text bytes.Buffer
	if err := m.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	if at := strings.IndexFunc(text.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); at >= 0 {
		t.Errorf("a control character at byte %d", at)
	}
	want := len(m.Tables)*(2+len(m.Tables[0].Permissions)+1) + 2
	if n := strings.Count(text.String(), "\n"); n < want-1 || n > want+1 {
		t.Errorf("%d lines, want about %d", n, want)
	}
}
