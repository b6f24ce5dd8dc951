package matrix

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// WriteCSV writes one line for each cell, under a line of the columns' names. Reasons are
// codes with a space between.
func (m *Matrix) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"role_set", "plan", "role", "permission", "allow", "reasons"}); err != nil {
		return err
	}
	for c := range m.Cells() {
		line := []string{c.RoleSet, c.Plan, c.Role, c.Permission, strconv.FormatBool(c.Allow), longCodes(c.Reasons)}
		for i := range line {
			line[i] = unformula(line[i])
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// unformula puts ' before what a spreadsheet would take for a formula.
func unformula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
