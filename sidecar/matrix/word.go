package matrix

import (
	"slices"
	"strings"

	"postern/sidecar/decision"
)

// A word is how a table says a reason in few letters, and the legend in many.
type word struct {
	code    decision.Code
	short   string
	meaning string
}

// words are the reasons that are common enough for a word. All others stand as their codes.
var words = []word{
	{"", "yes", "allowed"},
	{decision.PermissionNotGranted, "-", "permission_not_granted: the role does not bring the permission"},
	{decision.PermissionGatedByFeature, "plan", "permission_gated_by_feature: the plan lacks the feature of the permission"},
	{decision.RoleNotInRoleSet, "set", "role_not_in_role_set: the role set does not hold the role"},
}

// short is what a table says in the cell.
func (c Cell) short() string {
	if c.Allow {
		return words[0].short
	}
	return shortCodes(c.Reasons)
}

// shortCodes are the words of reasons.
func shortCodes(reasons []decision.Code) string {
	all := make([]string, len(reasons))
	for i, code := range reasons {
		all[i] = string(code)
		if at := slices.IndexFunc(words, func(w word) bool { return w.code == code }); at >= 0 {
			all[i] = words[at].short
		}
	}
	return strings.Join(all, ",")
}

// longCodes are the codes of reasons.
func longCodes(reasons []decision.Code) string {
	all := make([]string, len(reasons))
	for i, code := range reasons {
		all[i] = string(code)
	}
	return strings.Join(all, " ")
}

// legend are the words that some cell has.
func (m *Matrix) legend() []word {
	used := map[decision.Code]bool{}
	for c := range m.Cells() {
		used[""] = used[""] || c.Allow
		for _, code := range c.Reasons {
			used[code] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(words), func(w word) bool { return !used[w.code] })
}
