package world

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The iss and azp of every token.
const (
	Issuer = "https://bench.postern.test"
	Party  = "https://app.postern.test"
)

// Life is how long a token is good.
const Life = time.Hour

// Organizations is how many organizations have sessions.
const Organizations = 20

// ages are the minutes since the two factors of a session were verified, at first.
var ages = [][2]int{{1, -1}, {5, 20}, {45, 90}, {300, -1}}

// A Class is all that an answer depends on: the organization, the role in it, and how long
// ago the factors were verified.
type Class struct {
	organization, role, age int
	// minutes is how much older the factors are by now.
	minutes int
}

// Classes are all there are, at first.
func Classes() []Class {
	var all []Class
	for o := range Organizations {
		for r := range roles {
			for a := range ages {
				all = append(all, Class{organization: o, role: r, age: a})
			}
		}
	}
	return all
}

// Warm is the class of the sessions of the simpler scenarios: an admin of an organization
// on the plan enterprise.
func Warm() Class { return Class{organization: 3} }

// Older is the class of the same sessions some minutes later.
func (c Class) Older(minutes int) Class {
	c.minutes += minutes
	return c
}

// factorAge is the claim fva.
func (c Class) factorAge() [2]int {
	age := ages[c.age]
	for i := range age {
		if age[i] >= 0 {
			age[i] += c.minutes
		}
	}
	return age
}

// Claims are those of one session of the class, by the session's number, as Clerk makes
// them in version 2.
func (c Class) Claims(session int, now time.Time) map[string]any {
	o, role := organizationOf(c.organization), roles[c.role]
	brought := planFeatures[o.tokenPlan]
	var fea, masks []string
	for _, f := range brought {
		fea = append(fea, "o:"+f)
		mask := 0
		for _, a := range granted(role, f) {
			mask |= 1 << slices.Index(actions, a)
		}
		masks = append(masks, strconv.Itoa(mask))
	}
	if c.beta() {
		fea = append(fea, "u:beta")
	}
	return map[string]any{
		"v": 2, "sts": "active", "iss": Issuer, "azp": Party,
		"sub": fmt.Sprintf("user_%08d", session), "sid": fmt.Sprintf("sess_%08d", session),
		"iat": now.Unix(), "nbf": now.Unix() - 10, "exp": now.Add(Life).Unix(), "fva": c.factorAge(),
		"fea": strings.Join(fea, ","), "pla": "o:" + o.tokenPlan,
		"o": map[string]any{
			"id": o.id, "slg": strings.ReplaceAll(o.id, "_", "-"), "rol": role,
			"per": strings.Join(actions, ","), "fpm": strings.Join(masks, ","),
		},
	}
}

// beta reports whether the user has the feature of that name, whatever the organization.
func (c Class) beta() bool { return c.role%2 == 0 }
