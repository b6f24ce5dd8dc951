package session

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// v2 is the payload of a version 2 token with an organization, from raw JSON values.
// An empty one leaves its claim out.
func v2(fea, per, fpm string) string {
	claims := []string{`"sub":"user_1"`, `"v":2`}
	if fea != "" {
		claims = append(claims, `"fea":`+fea)
	}
	org := []string{`"id":"org_1"`, `"slg":"acme"`, `"rol":"admin"`}
	if per != "" {
		org = append(org, `"per":`+per)
	}
	if fpm != "" {
		org = append(org, `"fpm":`+fpm)
	}
	claims = append(claims, `"o":{`+strings.Join(org, ",")+`}`)
	return "{" + strings.Join(claims, ",") + "}"
}

// quoted is s as JSON.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// numbered is p0,p1,… with n names.
func numbered(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	return strings.Join(names, ",")
}

func TestFromClaims_clerkPermissions(t *testing.T) {
	f := func(fea, per, fpm, want string) {
		t.Helper()
		s, err := read(t, Clerk(), v2(fea, per, fpm))
		if err != nil {
			t.Errorf("fea %s, per %s, fpm %s: %v", fea, per, fpm, err)
			return
		}
		if got := strings.ReplaceAll(strings.Join(s.Org.Permissions, " "), "org:", ""); got != want {
			t.Errorf("fea %s, per %s, fpm %s: permissions %q, want %q", fea, per, fpm, got, want)
		}
	}

	f(`"o:dashboard,o:teams"`, `"manage,read"`, `"3,2"`, "dashboard:manage dashboard:read teams:read")
	// A mask's place counts the organization's features alone.
	f(`"u:billing,o:dashboard,uo:teams"`, `"read,manage"`, `"1,2"`, "dashboard:read teams:manage")
	f(`"x:a,o:b"`, `"read"`, `"1"`, "b:read")
	f(`"O:a,o:b"`, `"read"`, `"1"`, "b:read")
	f(`"ou:a,oo:b,o :c,o:d"`, `"read"`, `"1,1"`, "a:read d:read")
	f(`"u:a,o:b"`, `"read"`, `"1,1"`, "b:read")
	// A mask that is none grants nothing, and keeps its place.
	f(`"o:a,o:b,o:c,o:d"`, `"read,manage"`, `"1,x,-1,3"`, "a:read d:read d:manage")
	f(`"o:a,o:b,o:c,o:d,o:e"`, `"r"`, `"+1,1.0,0x1,1e0,1"`, "e:r")
	f(`"o:a,o:b,o:c,o:d"`, `"r"`, `"١,,1_0,1"`, "d:r")
	f(`"o:a,o:b"`, `"r,s"`, `"0002, 1 "`, "a:s b:r")
	// Too many bits, too many masks, too few.
	f(`"o:a"`, `"read,manage"`, `"255"`, "a:read a:manage")
	f(`"o:a"`, `"read"`, `"1,1,1"`, "a:read")
	f(`"o:a,o:b"`, `"read"`, `"1"`, "a:read")
	// Repetition is kept, and so are empty names and colons.
	f(`"o:a,o:a"`, `"read,manage"`, `"1,2"`, "a:read a:manage")
	f(`"o:a,o:a"`, `"read"`, `"1,1"`, "a:read a:read")
	f(`"o:a"`, `"r,,s"`, `"7"`, "a:r a: a:s")
	f(`"o:a:b,o:"`, `"r"`, `"1,1"`, "a:b:r :r")
	f(`"o: a b "`, `"r"`, `"1"`, " a b:r")
	// Nothing to read from.
	f(``, `"r"`, `"1"`, "")
	f(`null`, `"r"`, `"1"`, "")
	f(`0`, `"r"`, `"1"`, "")
	f(`false`, `"r"`, `"1"`, "")
	f(`""`, `"r"`, `"1"`, "")
	f(`"o:a"`, ``, `"1"`, "")
	f(`"o:a"`, `""`, `"1"`, "")
	f(`"o:a"`, `"r"`, `0`, "")
	f(`"o:a"`, `"r"`, `-0.0e5`, "")
	f(`"o:a"`, `false`, `["1"]`, "")
	f(`"o:a"`, `["r"]`, `null`, "")
	f(`"o:a"`, `["r"]`, ``, "")
	// Names of JavaScript's prototypes are names like any other.
	f(`"o:__proto__,o:constructor"`, `"toString,length"`, `"1,2"`, "__proto__:toString constructor:length")
}

func TestFromClaims_clerkThrows(t *testing.T) {
	f := func(payload string) {
		t.Helper()
		if s, err := read(t, Clerk(), payload); err == nil {
			t.Errorf("session of %s: %+v, want an error", payload, s)
		}
	}

	for _, fea := range []string{
		`"o:a,"`, `","`, `" "`, `"a"`, `"o"`, `"o:a,,o:b"`, `"o;a"`, `1`, `true`, `[]`, `["o:a"]`, `{}`, `{"split":1}`,
	} {
		f(v2(fea, `"r"`, `"1"`))
		f(v2(fea, ``, ``))
		// Even where o has no id, and where o is no object.
		f(`{"sub":"u","v":2,"o":{},"fea":` + fea + `}`)
		f(`{"sub":"u","v":2,"o":true,"fea":` + fea + `}`)
		f(`{"sub":"u","v":2,"o":[],"fea":` + fea + `}`)
	}
	f(v2(`"o:a"`, `"r"`, `1`))
	f(v2(`"o:a"`, `"r"`, `["1"]`))
	f(v2(`"o:a"`, `"r"`, `{}`))
	f(v2(`"o:a"`, `true`, `"1"`))
	f(v2(`"o:a"`, `["r"]`, `"0"`))
	f(v2(``, `["r"]`, `"0"`))
	f(`{"sub":"u","v":2,"o":{"id":"o","rol":{"toString":1}}}`)
	f(`{"sub":"u","v":2,"o":{"id":"o","rol":[[{"toString":null}]]}}`)

	// Stricter than Clerk's decoder.
	f(`{"sub":"u","v":2,"o":{"id":{}}}`)
	f(`{"sub":"u","v":2,"o":{"id":["org_1"]}}`)
	f(`{"sub":"u","org_id":{"id":"org_1"}}`)
	f(`{"sub":"u","sid":5}`)
	f(`{"sub":"u","sid":["sess_1"]}`)

	// Nobody asks.
	f(`{}`)
	f(`{"sub":""}`)
	f(`{"sub":null}`)
}

// TestFromClaims_clerkMasks compares masks of many widths with their definition.
func TestFromClaims_clerkMasks(t *testing.T) {
	for _, width := range []int{1, 2, 31, 32, 33, 53, 54, 63, 64, 65, 128, 200} {
		names := strings.Split(numbered(width), ",")
		for _, bits := range [][]int{{0}, {width - 1}, {0, width - 1}, {width / 2, width - 1}} {
			mask := new(big.Int)
			var want []string
			for k, name := range names {
				if slices.Contains(bits, k) {
					mask.SetBit(mask, k, 1)
					want = append(want, "org:a:"+name)
				}
			}
			s := mustRead(t, Clerk(), v2(`"o:a"`, quoted(numbered(width)), quoted(mask.String())))
			if !slices.Equal(s.Org.Permissions, want) {
				t.Errorf("%d names, mask %s: %q, want %q", width, mask, s.Org.Permissions, want)
			}
		}
	}

	s := mustRead(t, Clerk(), v2(`"o:a"`, quoted(numbered(64)), `"9223372036854775809"`))
	if want := []string{"org:a:p0", "org:a:p63"}; !slices.Equal(s.Org.Permissions, want) {
		t.Errorf("mask 2^63+1: %q, want %q", s.Org.Permissions, want)
	}
}

// TestFromClaims_clerkExpansion refuses claims that spell out far more text than they
// have, and takes a large honest token.
func TestFromClaims_clerkExpansion(t *testing.T) {
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2000), big.NewInt(1))
	_, err := read(t, Clerk(), v2(quoted("o:"+strings.Repeat("x", 3000)), quoted(strings.Repeat(",", 1999)), quoted(all.String())))
	if err == nil || !strings.Contains(err.Error(), "bytes of permissions") {
		t.Errorf("a slug of 3000 bytes with 2000 permissions: %v, want an error", err)
	}

	var fea, fpm []string
	for i := range 40 {
		fea = append(fea, fmt.Sprintf("o:feature_%d", i))
		fpm = append(fpm, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 200), big.NewInt(1)).String())
	}
	s := mustRead(t, Clerk(), v2(quoted(strings.Join(fea, ",")), quoted(numbered(200)), quoted(strings.Join(fpm, ","))))
	if len(s.Org.Permissions) != 40*200 {
		t.Errorf("40 features by 200 permissions: %d permissions", len(s.Org.Permissions))
	}
}

func TestFromClaims_clerkVersion(t *testing.T) {
	f := func(version, want string) {
		t.Helper()
		if version != "" {
			version = `"v":` + version + `,`
		}
		s := mustRead(t, Clerk(), `{"sub":"u",`+version+`"o":{"id":"org_two"},"org_id":"org_one"}`)
		if s.Org == nil || s.Org.ID != want {
			t.Errorf("v %s: organization %+v, want %s", version, s.Org, want)
		}
	}

	f(`2`, "org_two")
	f(`2.0`, "org_two")
	f(`2e0`, "org_two")
	f(`0.2E+1`, "org_two")
	f(`20e-1`, "org_two")
	f(`2.0000000000000000000001`, "org_two")
	f(``, "org_one")
	f(`1`, "org_one")
	f(`3`, "org_one")
	f(`-2`, "org_one")
	f(`2.5`, "org_one")
	f(`2.000000000000001`, "org_one")
	f(`1e999`, "org_one")
	f(`"2"`, "org_one")
	f(`[2]`, "org_one")
	f(`{"v":2}`, "org_one")
	f(`null`, "org_one")
	f(`true`, "org_one")

	// Names are case-sensitive, and an escaped name is the same name.
	if s := mustRead(t, Clerk(), `{"sub":"u","V":2,"Org_ID":"org_x","o":{"id":"org_2"}}`); s.Org != nil {
		t.Errorf("claims in another case: organization %+v, want none", s.Org)
	}
	if s := mustRead(t, Clerk(), `{"sub":"u","\u0076":2,"\u006f":{"i\u0064":"org_2"}}`); s.Org == nil || s.Org.ID != "org_2" {
		t.Errorf("claims with escapes: organization %+v, want org_2", s.Org)
	}
}

func TestFromClaims_clerkOrg(t *testing.T) {
	f := func(payload string, want *Org) {
		t.Helper()
		s, err := read(t, Clerk(), payload)
		if err != nil {
			t.Errorf("session of %s: %v", payload, err)
			return
		}
		if !reflect.DeepEqual(s.Org, want) {
			t.Errorf("session of %s: organization %+v, want %+v", payload, s.Org, want)
		}
	}

	// Version 2.
	f(`{"sub":"u","v":2}`, nil)
	for _, o := range []string{`null`, `false`, `0`, `""`, `[]`, `true`, `"org_1"`, `7`, `{}`, `[{"id":"org_1"}]`} {
		f(`{"sub":"u","v":2,"org_id":"org_0","o":`+o+`}`, nil)
	}
	for _, id := range []string{`null`, `false`, `0`, `-0`, `0e9`, `1e-999`, `""`} {
		f(`{"sub":"u","v":2,"o":{"rol":"admin","id":`+id+`}}`, nil)
	}
	f(`{"sub":"u","v":2,"o":{"id":" "}}`, &Org{ID: " "})
	f(`{"sub":"u","v":2,"o":{"id":7}}`, &Org{ID: "7"})
	f(`{"sub":"u","v":2,"o":{"id":true}}`, &Org{ID: "true"})
	f(`{"sub":"u","v":2,"o":{"id":"org_1","slg":5,"rol":""}}`, &Org{ID: "org_1"})
	for role, want := range map[string]string{
		`"admin"`: "org:admin", `"org:admin"`: "org:org:admin", `" "`: "org: ", `true`: "org:true", `5`: "org:5",
		`1.50`: "org:1.5", `1e21`: "org:1e+21", `1e999`: "org:Infinity", `-1e999`: "org:-Infinity", `100000`: "org:100000",
		`["admin"]`: "org:admin", `["a",null,[1,false]]`: "org:a,,1,false", `[]`: "org:", `{}`: "org:[object Object]",
		`{"__proto__":{"toString":1}}`: "org:[object Object]", `null`: "", `false`: "", `0`: "", `-0.0`: "", `""`: "",
	} {
		f(`{"sub":"u","v":2,"o":{"id":"org_1","rol":`+role+`}}`, &Org{ID: "org_1", Role: want})
	}

	// Version 1.
	f(`{"sub":"u","org_role":"org:admin","org_permissions":["org:a:b"]}`, nil)
	for _, id := range []string{`null`, `false`, `0`, `""`} {
		f(`{"sub":"u","org_role":"org:admin","org_id":`+id+`}`, nil)
	}
	f(`{"sub":"u","org_id":5,"org_slug":"acme","org_role":"admin"}`, &Org{ID: "5", Slug: "acme", Role: "admin"})
	f(`{"sub":"u","org_id":"org_1","org_role":5,"org_slug":null}`, &Org{ID: "org_1"})
	f(`{"sub":"u","org_id":"org_1","org_permissions":["org:a:b",5,null,"c",["org:d:e"],"org:a:b"]}`,
		&Org{ID: "org_1", Permissions: []string{"org:a:b", "c", "org:a:b"}})
	for _, list := range []string{`"org:a:b"`, `{"0":"org:a:b"}`, `5`, `null`, `true`, `[]`} {
		f(`{"sub":"u","org_id":"org_1","org_permissions":`+list+`}`, &Org{ID: "org_1"})
	}
}

// TestFromClaims_clerkDeepRole reads a role that is nested as deep as a token lets it.
func TestFromClaims_clerkDeepRole(t *testing.T) {
	const depth = 4000
	role := strings.Repeat("[", depth) + `"admin"` + strings.Repeat("]", depth)
	s := mustRead(t, Clerk(), `{"sub":"u","v":2,"o":{"id":"org_1","rol":`+role+`}}`)
	if s.Org.Role != "org:admin" {
		t.Fatalf("role %q, want org:admin", s.Org.Role)
	}
}

func TestFromClaims_clerkScoped(t *testing.T) {
	f := func(list string, want *Scoped) {
		t.Helper()
		for _, version := range []string{"", `"v":2,`} {
			s := mustRead(t, Clerk(), `{"sub":"u",`+version+`"fea":`+list+`,"pla":`+list+`}`)
			if !reflect.DeepEqual(s.Features, want) || !reflect.DeepEqual(s.Plans, want) {
				t.Errorf("list %s: features %+v, plans %+v, want %+v", list, s.Features, s.Plans, want)
			}
		}
	}

	f(`"o:a,u:b,ou:c,uo:d,u:b"`, &Scoped{Org: []string{"a", "c", "d"}, User: []string{"b", "c", "d", "b"}})
	f(`" o:a ,\ufeffu:b:c"`, &Scoped{Org: []string{"a"}, User: []string{"b:c"}})
	f(`"x:a,org:b,O:c,:d"`, &Scoped{})
	f(`"o:"`, &Scoped{Org: []string{""}})
	for _, malformed := range []string{
		`""`, `"a"`, `"o:a,"`, `",o:a"`, `"o:a,b"`, `"\u0085"`, `null`, `0`, `5`, `true`, `["o:a"]`, `{"o":"a"}`,
	} {
		f(malformed, nil)
	}
}

// TestFromClaims_clerkTrim holds trimming to JavaScript's white space: at the edges of
// an element it makes the scope known, elsewhere it stays.
func TestFromClaims_clerkTrim(t *testing.T) {
	space := []rune{'\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff}
	for r := rune(0x2000); r <= 0x200a; r++ {
		space = append(space, r)
	}
	for r := range rune(0x10000) {
		if 0xd800 <= r && r < 0xe000 {
			continue
		}
		want := "a"
		if !slices.Contains(space, r) {
			want = string(r) + "a" + string(r)
		}
		if got := trimJS(string(r) + "a" + string(r)); got != want {
			t.Errorf("trim of U+%04X = %q, want %q", r, got, want)
		}
	}

	f := func(fea, want string) {
		t.Helper()
		s := mustRead(t, Clerk(), v2(quoted(fea), `"r"`, `"1"`))
		if got := strings.Join(s.Org.Permissions, " "); got != want {
			t.Errorf("fea %q: permissions %q, want %q", fea, got, want)
		}
	}
	f("\ufeff\u2028o:a\u00a0", "org:a:r")
	f("\u0085o:a", "")
	f("\u200bo:a", "")
	f("\x1co:a", "")
	f("o\u00a0:a", "")
	f("o:a\u0085", "org:a\u0085:r")
}

func TestFromClaims_clerkFactorAge(t *testing.T) {
	f := func(fva string, want *[2]float64) {
		t.Helper()
		s := mustRead(t, Clerk(), `{"sub":"u","fva":`+fva+`}`)
		if !reflect.DeepEqual(s.FactorAge, want) {
			t.Errorf("fva %s: %v, want %v", fva, s.FactorAge, want)
		}
	}

	f(`[0,-1]`, &[2]float64{0, -1})
	f(`[-1,-1]`, &[2]float64{-1, -1})
	f(`[9.5,1440]`, &[2]float64{9.5, 1440})
	f(`[1e2,-1.0]`, &[2]float64{100, -1})
	for _, malformed := range []string{
		`null`, `5`, `"1,2"`, `[]`, `[1]`, `[1,2,3]`, `[1,null]`, `["1",2]`, `[1,-2]`, `[-0.5,1]`, `[1e999,1]`, `[1,-1e999]`,
		`[true,1]`, `[[1],2]`, `{"0":1,"1":2,"length":2}`,
	} {
		f(malformed, nil)
	}
	if s := mustRead(t, Clerk(), `{"sub":"u"}`); s.FactorAge != nil {
		t.Errorf("no fva: %v, want nil", s.FactorAge)
	}
}

func TestFromClaims_clerkRest(t *testing.T) {
	f := func(claims, session, status, metadata, actor string) {
		t.Helper()
		s := mustRead(t, Clerk(), `{"sub":"user_1","iss":"https://clerk.example.com","iat":7`+claims+`}`)
		if s.UserID != "user_1" || s.Issuer != "https://clerk.example.com" || s.IssuedAt != 7 || s.Profile != ProfileClerk {
			t.Errorf("claims %s: session %+v", claims, s)
		}
		if s.SessionID != session || s.Status != status {
			t.Errorf("claims %s: session %q, status %q, want %q, %q", claims, s.SessionID, s.Status, session, status)
		}
		if string(s.Metadata) != metadata || string(s.Actor) != actor {
			t.Errorf("claims %s: metadata %s, actor %s, want %s, %s", claims, s.Metadata, s.Actor, metadata, actor)
		}
	}

	f(``, "", "", "", "")
	f(`,"sid":"sess_1","sts":"active"`, "sess_1", "active", "", "")
	f(`,"sid":null,"sts":"pending"`, "", "pending", "", "")
	f(`,"sts":"PENDING "`, "", "PENDING ", "", "")
	f(`,"sts":["pending"]`, "", "", "", "")
	f(`,"metadata":{"a":1},"act":{"sub":"user_2"}`, "", "", `{"a":1}`, `{"sub":"user_2"}`)
	f(`,"public_metadata":{"b":2}`, "", "", `{"b":2}`, "")
	f(`,"public_metadata":{"b":2},"metadata":{"a":1}`, "", "", `{"a":1}`, "")
	f(`,"public_metadata":{"b":2},"metadata":null,"act":null`, "", "", "", "")
}

func TestFromClaims_zeroDecoder(t *testing.T) {
	if s, err := read(t, Decoder{}, `{"sub":"user_1"}`); err == nil {
		t.Fatalf("session %+v, want an error", s)
	}
}

// FuzzFromClaims holds version 2's permissions to features of fea and names of per.
func FuzzFromClaims(f *testing.F) {
	f.Add(`"o:dashboard,u:x,ou:teams"`, `"manage,read"`, `"3,2"`, `"admin"`)
	f.Add(`"o:a,"`, `"r"`, `1`, `["a"]`)
	f.Add(`null`, `0`, `""`, `{"toString":1}`)
	f.Add(`"\ufeffo:a:b,o:"`, `",,"`, `"9223372036854775809, 7"`, `1e21`)
	f.Fuzz(func(t *testing.T, fea, per, fpm, rol string) {
		payload := fmt.Sprintf(`{"sub":"u","v":2,"fea":%s,"o":{"id":"org_1","per":%s,"fpm":%s,"rol":%s}}`, fea, per, fpm, rol)
		if !json.Valid([]byte(payload)) {
			return
		}
		s, err := read(t, Clerk(), payload)
		if err != nil || s.Org == nil {
			return
		}
		var claims struct {
			Fea any
			O   struct{ Per any }
		}
		if json.Unmarshal([]byte(payload), &claims) != nil {
			return
		}
		features, _ := claims.Fea.(string)
		names, _ := claims.O.Per.(string)
		for _, p := range s.Org.Permissions {
			if !spelled(p, features, names) {
				t.Fatalf("permission %q is not of %q and %q", p, features, names)
			}
		}
	})
}

// spelled reports whether permission is org:, an element of fea without its scope,
// a colon, and an element of per.
func spelled(permission, fea, per string) bool {
	for element := range strings.SplitSeq(fea, ",") {
		scope, slug, _ := strings.Cut(trimJS(element), ":")
		if !strings.Contains(scope, "o") {
			continue
		}
		name, ok := strings.CutPrefix(permission, "org:"+slug+":")
		if ok && slices.Contains(appendTrimmed(nil, per), name) {
			return true
		}
	}
	return false
}
