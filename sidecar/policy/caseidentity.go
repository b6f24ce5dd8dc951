package policy

import (
	"strings"

	"postern/sidecar/decision"
)

// longestName is how long a user, a session or an organization that is masked may be in a
// header, in bytes. Those of identity providers are much shorter.
const longestName = 1 << 10

// Identities are the shortest and the longest that may have been meant where names in the
// case are masked: between them lies the one whose headers were, or were not, too long. Both
// are i where none is.
func (c *Case) Identities(i decision.Identity) (shortest, longest decision.Identity) {
	shortest, longest = i, i
	if len(c.masked) == 0 {
		return shortest, longest
	}
	long := strings.Repeat("x", longestName)
	for _, name := range []struct {
		place             string
		shortest, longest *string
	}{
		{"/session/user_id", &shortest.User, &longest.User},
		{"/session/session_id", &shortest.Session, &longest.Session},
		{"/session/org/id", &shortest.Org, &longest.Org},
	} {
		if c.hides(name.place) {
			*name.shortest, *name.longest = "", long
		}
	}
	return shortest, longest
}
