package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Allows says whether a session of the class may, by what has() means and what the model
// narrows, in its first revision or, marked, its second. It shares no code with Postern: an
// answer that differs is a mistake of one of them.
func (c Class) Allows(question string, marked bool) (bool, error) {
	var asked map[string]any
	if err := json.Unmarshal([]byte(question), &asked); err != nil {
		return false, err
	}
	return c.meets(asked, marked)
}

// meets asks for every member.
func (c Class) meets(asked map[string]any, marked bool) (bool, error) {
	met := len(asked) > 0
	for key, value := range asked {
		ok, err := c.holds(key, value, marked)
		if err != nil {
			return false, err
		}
		met = met && ok
	}
	return met, nil
}

func (c Class) holds(key string, value any, marked bool) (bool, error) {
	switch key {
	case "any", "all":
		n := 0
		parts := value.([]any)
		for _, part := range parts {
			ok, err := c.meets(part.(map[string]any), marked)
			if err != nil {
				return false, err
			}
			if ok {
				n++
			}
		}
		return n == len(parts) || key == "any" && n > 0, nil
	case "role":
		return c.member() && value == "org:"+roles[c.role], nil
	case "permission":
		return c.member() && c.permitted(value.(string), marked), nil
	case "feature":
		return c.hasFeature(value.(string)), nil
	case "plan":
		return c.onPlan(value.(string)), nil
	case "reverification":
		return c.fresh(value), nil
	}
	return false, fmt.Errorf("the oracle does not know %s", key)
}

// member: the membership counts, in an organization that is not suspended and whose role
// set has the role.
func (c Class) member() bool {
	o := organizationOf(c.organization)
	return !o.suspended && slices.Contains(roleSets[o.roleSet], roles[c.role])
}

// permitted: the token lists the permission and the model's plan has its feature; or it is
// a system permission, which the model's role brings.
func (c Class) permitted(permission string, marked bool) bool {
	role := roles[c.role]
	if strings.HasPrefix(permission, "org:sys_") {
		return slices.Contains(roleSystem[role], permission) || marked && permission == Marked && role == "manager"
	}
	parts := strings.Split(permission, ":")
	o := organizationOf(c.organization)
	return c.planned(o, parts[1]) && slices.Contains(granted(role, parts[1]), parts[2])
}

// planned: token and model both let the organization have the feature.
func (c Class) planned(o organization, feature string) bool {
	return slices.Contains(planFeatures[o.tokenPlan], feature) && slices.Contains(planFeatures[o.plan], feature)
}

func (c Class) hasFeature(asked string) bool {
	name, ofUser, ofOrg := scoped(asked)
	o := organizationOf(c.organization)
	return ofUser && name == "beta" && c.beta() || ofOrg && !o.suspended && c.planned(o, name)
}

func (c Class) onPlan(asked string) bool {
	name, _, ofOrg := scoped(asked)
	o := organizationOf(c.organization)
	return ofOrg && !o.suspended && o.tokenPlan == name && o.plan == name
}

// scoped takes the scope off a name of a feature or plan; without one it is both.
func scoped(asked string) (name string, ofUser, ofOrg bool) {
	scope, name, ok := strings.Cut(asked, ":")
	if !ok {
		return asked, true, true
	}
	return name, scope == "u" || scope == "user", scope == "o" || scope == "org"
}

// fresh: the factors were verified within the time that is asked for. The first stands in
// for a second that was never set up.
func (c Class) fresh(asked any) bool {
	level, within := "second_factor", 0
	switch asked := asked.(type) {
	case string:
		within = map[string]int{"strict": 10, "moderate": 60}[asked]
	case map[string]any:
		level, within = asked["level"].(string), int(asked["afterMinutes"].(float64))
	}
	age := c.factorAge()
	factor := age[1]
	if level == "first_factor" || factor < 0 {
		factor = age[0]
	}
	return factor < within
}
