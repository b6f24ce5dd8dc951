package policy_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// A bearer is a session by its claims.
type bearer struct {
	claims  map[string]any
	decoder session.Decoder
}

// raw is JSON whose order means something: [written] leaves it as it is.
type raw = json.RawMessage

// randomBearer is mostly one of Clerk's sessions, and else of another OpenID provider.
func randomBearer(rng *rand.Rand) bearer {
	if oneIn(rng, 3) {
		return bearer{openidClaims(rng), session.OIDC()}
	}
	return bearer{clerkClaims(rng, false), session.Clerk()}
}

// input is the bearer's session with its claims in an order that rng chooses. Claims that
// nothing can be read from are no session.
func (b bearer) input(t testing.TB, rng *rand.Rand) policy.Input {
	t.Helper()
	sub, _ := b.claims["sub"].(string)
	s, err := session.FromClaims(&token.Claims{
		Issuer: "https://issuer.example.com", Subject: sub, Payload: []byte(written(rng, b.claims)),
	}, b.decoder)
	if err != nil {
		return policy.Input{Now: now, Credential: "token_claims"}
	}
	subject, err := policy.NewSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Input{Now: now, Subject: subject}
}

func openidClaims(rng *rand.Rand) map[string]any {
	claims := map[string]any{"sub": "user_1"}
	if !oneIn(rng, 5) {
		claims["organization_id"] = pick(rng, organizationIDs)
		claims["org_role"] = pick(rng, roleNames)
		claims["org_permissions"] = some(rng, slices.Concat(ownPermissions, systemPermissions[:1]), 3)
	}
	if !oneIn(rng, 3) {
		claims["entitlements"] = some(rng, featureNames, 4)
	}
	if !oneIn(rng, 3) {
		claims["licenses"] = quoted(some(rng, planNames, 2))
	}
	return claims
}

// clerkClaims are of either version. Odd ones have here and there what Clerk's decoder
// was never meant to read.
func clerkClaims(rng *rand.Rand, odd bool) map[string]any {
	claims := map[string]any{"sub": "user_1"}
	maybe := func(name string, likely any, odds ...string) {
		switch {
		case odd && oneIn(rng, 8):
			claims[name] = raw(pick(rng, odds))
		case !oneIn(rng, 8):
			claims[name] = likely
		}
	}
	maybe("fva", raw(pick(rng, []string{"[3,-1]", "[0,0]", "[10,9]", "[9.5,11]", "[-1,5]", "[-1,-1]", "[70,50]", "[2000,2000]"})),
		"[-2,1]", `["3",1]`, "[null,1]", "[1]", "[1,2,3]", "5", "null", "[1e1,-1.0]", "[9.99999999999999999999,1]")
	fea := scopedNames(rng, slices.Concat(featureNames, []string{"sys_memberships"}))
	maybe("fea", fea, `"reports"`, `"o:reports,"`, `""`, "5", "null", "0", "true", `"x:reports,o:seats"`, `"o:"`, `"o:org,u:user"`,
		`"o:reports:read,u:seats"`, `" o:reports\ufeff,\u2003u:seats"`, `"o:reports\u0085"`, `"O:reports"`, `"o :reports"`, `"o:a b"`)
	maybe("pla", scopedNames(rng, planNames), `"pro"`, `"o:pro,"`, `""`, "5", "null", `"o:pro:x"`, `"oo:pro"`, `"o: pro"`, `"\u3000u:pro"`)
	personal := oneIn(rng, 6)
	if odd && oneIn(rng, 8) {
		claims["v"] = raw(pick(rng, []string{"1", "3", `"2"`, "2.0", "20e-1", "null", "[2]", "true"}))
	} else if !oneIn(rng, 3) {
		claims["v"] = raw("2")
	}
	if !personal {
		version1(rng, maybe)
		maybe("o", clerkOrganization(rng, odd), "null", `"org_a"`, "{}", "[]", "0", "false")
	}
	return claims
}

func version1(rng *rand.Rand, maybe func(name string, likely any, odds ...string)) {
	maybe("org_id", pick(rng, organizationIDs), "null", `""`, `" "`, "5", "true", "0", "false")
	maybe("org_role", pick(rng, slices.Concat(roleNames, []string{"admin", "org:org:member"})), "null", `""`, "5", `["admin"]`, `"org:"`, `" admin"`)
	maybe("org_permissions", some(rng, slices.Concat(ownPermissions, systemPermissions[:1]), 3),
		"null", `"org:reports:read"`, "{}", `[5,null,"org:reports:read"]`, `["reports:read"]`, `["org:org:reports:read",""]`)
}

// clerkOrganization is the claim o. Its masks have no order of their own to lose.
func clerkOrganization(rng *rand.Rand, odd bool) map[string]any {
	o := map[string]any{}
	maybe := func(name string, likely any, odds ...string) {
		switch {
		case odd && oneIn(rng, 8):
			o[name] = raw(pick(rng, odds))
		case !oneIn(rng, 12):
			o[name] = likely
		}
	}
	maybe("id", pick(rng, organizationIDs), "null", `""`, `" "`, "5", "true", "0")
	maybe("rol", strings.TrimPrefix(pick(rng, roleNames), "org:"), "null", `""`, "5", "true", `["admin"]`, `"org:admin"`, `"org:"`, "0", `" admin"`)
	maybe("per", "manage,read", "null", `""`, "5", "0", `"read"`, `" read ,manage"`, `",read"`, `"read,read"`)
	masks := make([]string, rng.IntN(5))
	for i := range masks {
		masks[i] = strconv.Itoa(rng.IntN(4))
		if odd && oneIn(rng, 8) {
			masks[i] = pick(rng, []string{"x", "-1", "+3", "3.0", "0x3", "1e2", "", "003", " 3\ufeff", "36893488147419103234", "9007199254740993", "٣"})
		}
	}
	maybe("fpm", strings.Join(masks, ","), "null", "3", "0", "[3]", `""`)
	return o
}

// scopedNames is a fea or a pla.
func scopedNames(rng *rand.Rand, names []string) string {
	list := make([]string, rng.IntN(4))
	for i := range list {
		list[i] = pick(rng, []string{"o", "o", "o", "u", "uo", "ou"}) + ":" + pick(rng, names)
	}
	return strings.Join(list, pick(rng, []string{",", ",", ", "}))
}

func quoted(list []string) raw {
	text, err := json.Marshal(list)
	if err != nil {
		panic("BUG: a list of strings is no JSON: " + err.Error())
	}
	return text
}

// written is v as JSON. Members of objects and elements of lists come in an order that rng
// chooses, sorted and as they are without one.
func written(rng *rand.Rand, v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, strconv.Quote(name)+":"+written(rng, v[name]))
		}
		return "{" + shuffled(rng, parts) + "}"
	case []any:
		for _, element := range v {
			parts = append(parts, written(rng, element))
		}
		return "[" + shuffled(rng, parts) + "]"
	case []string:
		for _, element := range v {
			parts = append(parts, written(rng, element))
		}
		return "[" + shuffled(rng, parts) + "]"
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic("BUG: what a generator made is no JSON: " + err.Error())
		}
		return string(text)
	}
}

func shuffled(rng *rand.Rand, parts []string) string {
	if rng != nil {
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	return strings.Join(parts, ",")
}
