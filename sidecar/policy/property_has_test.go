package policy_test

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// clerkHas is Clerk's has(), from the description of it and not from the library: what a
// session with these claims gets for one plain question. It passes over unknown keys.
func clerkHas(claims, asked map[string]any) bool {
	if !truthy(claims["sub"]) {
		return false
	}
	org, readable := clerkOrg(claims)
	if !readable {
		return false
	}
	passes := false
	for _, member := range memberNames {
		value, isAsked := asked[member]
		if !isAsked {
			continue
		}
		held := false
		switch name, isText := value.(string); {
		case member == "reverification":
			held = freshEnough(claims["fva"], value)
		case !isText:
		case member == "role":
			role, _ := org.role.(string)
			held = truthy(org.id) && role != "" && oneSpelling(role) == oneSpelling(name)
		case member == "permission":
			held = truthy(org.id) && listed(org.permissions, oneSpelling(name))
		case member == "feature":
			held = inScope(claims["fea"], name)
		case member == "plan":
			held = inScope(claims["pla"], name)
		}
		if !held {
			return false
		}
		passes = true
	}
	return passes
}

// clerkMeets is the truth of a requirement as it was asked.
func clerkMeets(claims, asked map[string]any) bool {
	if list, ok := asked["any"].([]any); ok {
		for _, part := range list {
			if clerkMeets(claims, part.(map[string]any)) {
				return true
			}
		}
		return false
	}
	if list, ok := asked["all"].([]any); ok {
		for _, part := range list {
			if !clerkMeets(claims, part.(map[string]any)) {
				return false
			}
		}
		return len(list) > 0
	}
	return clerkHas(claims, asked)
}

// decodedOrg is what has() knows of the organization, of whatever type it came.
type decodedOrg struct {
	id, role    any
	permissions any
}

// clerkOrg decodes either version. What makes Clerk's decoder throw is not readable.
func clerkOrg(claims map[string]any) (org decodedOrg, readable bool) {
	if claims["v"] != 2.0 {
		return decodedOrg{claims["org_id"], claims["org_role"], claims["org_permissions"]}, true
	}
	if !truthy(claims["o"]) {
		return decodedOrg{}, true
	}
	o, _ := claims["o"].(map[string]any)
	org.id = o["id"]
	if truthy(o["rol"]) {
		org.role = "org:" + asText(o["rol"])
	}
	var features []string
	if truthy(claims["fea"]) {
		fea, isText := claims["fea"].(string)
		if !isText {
			return org, false
		}
		if features, _, readable = byScope(fea); !readable {
			return org, false
		}
	}
	if !truthy(o["per"]) || !truthy(o["fpm"]) {
		return org, true
	}
	per, perIsText := o["per"].(string)
	fpm, fpmIsText := o["fpm"].(string)
	if !perIsText || !fpmIsText {
		return org, false
	}
	org.permissions = unmasked(features, strings.Split(per, ","), strings.Split(fpm, ","))
	return org, true
}

// unmasked spells out which bits of the masks are set.
func unmasked(features, names, masks []string) []any {
	var permissions []any
	for i, feature := range features {
		if i >= len(masks) {
			break
		}
		digits := strings.TrimFunc(masks[i], javaScriptSpace)
		mask, ok := new(big.Int).SetString(digits, 10)
		if !ok || strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
			continue
		}
		for k, name := range names {
			if mask.Bit(k) == 1 {
				permissions = append(permissions, "org:"+feature+":"+strings.TrimFunc(name, javaScriptSpace))
			}
		}
	}
	return permissions
}

// byScope reads a comma list of scope:slug into those of the organization and the user.
func byScope(list string) (org, user []string, readable bool) {
	for _, element := range strings.Split(list, ",") {
		scope, slug, found := strings.Cut(strings.TrimFunc(element, javaScriptSpace), ":")
		if !found {
			return nil, nil, false
		}
		if scope == "o" || scope == "uo" || scope == "ou" {
			org = append(org, slug)
		}
		if scope == "u" || scope == "uo" || scope == "ou" {
			user = append(user, slug)
		}
	}
	return org, user, true
}

// inScope reports whether a claim of scoped names has the one that is asked for.
func inScope(claim any, asked string) bool {
	list, isText := claim.(string)
	if !isText || list == "" {
		return false
	}
	org, user, readable := byScope(list)
	if !readable {
		return false
	}
	id, ofOrg, ofUser := scopeOf(asked)
	return ofOrg && slices.Contains(org, id) || ofUser && slices.Contains(user, id)
}

// scopeOf is the feature or plan that is asked for, and in which lists it counts.
func scopeOf(asked string) (id string, ofOrg, ofUser bool) {
	segments := strings.Split(asked, ":")
	if len(segments) == 1 {
		return asked, true, true
	}
	id = segments[1]
	if id == "" {
		id = segments[0]
	}
	switch segments[0] {
	case "o", "org", "organization":
		return id, true, false
	case "u", "user":
		return id, false, true
	}
	return id, false, false
}

// freshEnough is the rule of reverification. Ages are minutes; -1 is a factor that is absent.
func freshEnough(fva, asked any) bool {
	ages, _ := fva.([]any)
	if len(ages) != 2 {
		return false
	}
	var age [2]float64
	for i := range ages {
		minutes, isNumber := ages[i].(float64)
		if !isNumber || minutes != -1 && minutes < 0 {
			return false
		}
		age[i] = minutes
	}
	level, within, known := askedFreshness(asked)
	if !known {
		return false
	}
	fresh := func(i int) bool { return age[i] != -1 && within > age[i] }
	switch {
	case level == "first_factor" || age[1] == -1:
		return fresh(0)
	case level == "second_factor":
		return fresh(1)
	default:
		return fresh(0) && fresh(1)
	}
}

func askedFreshness(asked any) (level string, within float64, known bool) {
	switch asked {
	case "strict_mfa":
		return "multi_factor", 10, true
	case "strict":
		return "second_factor", 10, true
	case "moderate":
		return "second_factor", 60, true
	case "lax":
		return "second_factor", 1440, true
	}
	custom, _ := asked.(map[string]any)
	level, _ = custom["level"].(string)
	within, isNumber := custom["afterMinutes"].(float64)
	known = level == "first_factor" || level == "second_factor" || level == "multi_factor"
	return level, within, known && isNumber && within > 0
}

// oneSpelling strips every leading org: and adds one.
func oneSpelling(name string) string {
	for strings.HasPrefix(name, "org:") {
		name = name[len("org:"):]
	}
	return "org:" + name
}

func listed(list any, name string) bool {
	elements, _ := list.([]any)
	for _, e := range elements {
		if e == any(name) {
			return true
		}
	}
	return false
}

// truthy is what JavaScript takes for true.
func truthy(v any) bool {
	return v != nil && v != false && v != "" && v != 0.0
}

// asText is how JavaScript joins a value to a string, as far as tokens were seen to need it.
func asText(v any) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			if e != nil {
				parts[i] = asText(e)
			}
		}
		return strings.Join(parts, ",")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case map[string]any:
		return "[object Object]"
	}
	return fmt.Sprint(v)
}

// javaScriptSpace is what String.prototype.trim takes away: U+FEFF, and not U+0085.
func javaScriptSpace(r rune) bool {
	return unicode.IsSpace(r) && r != '\u0085' || r == '\ufeff'
}
