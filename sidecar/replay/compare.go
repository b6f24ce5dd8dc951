package replay

import "postern/sidecar/decision"

// A Change is how one decision differs from another about the same.
type Change string

// The changes.
const (
	Same    Change = "same"
	Allowed Change = "deny_to_allow"
	Denied  Change = "allow_to_deny"
	// Reasons is the same outcome with another status or for other reasons. What reasons say
	// to people may differ: that is no change.
	Reasons Change = "reasons"
)

// Compare says how a decision has changed.
func Compare(before, after decision.Decision) Change {
	switch {
	case !before.Allow && after.Allow:
		return Allowed
	case before.Allow && !after.Allow:
		return Denied
	case before.Status != after.Status || len(before.Reasons) != len(after.Reasons):
		return Reasons
	}
	for i, was := range before.Reasons {
		is := after.Reasons[i]
		was.Message, is.Message = "", ""
		if was != is {
			return Reasons
		}
	}
	return Same
}
