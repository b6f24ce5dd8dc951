package doctor_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/sidecar/decision"
	"postern/sidecar/doctor"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

var update = flag.Bool("update", false, "write the golden files")

// now is when all tests look at their tokens.
var now = time.Unix(1_800_000_000, 0)

const plainHeader = `{"alg":"RS256","typ":"JWT","kid":"ins_1"}`

// compact is a token of a header and claims that nobody signed.
func compact(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + ".AAAA"
}

func options() doctor.Options {
	return doctor.Options{Now: now, Decoder: session.Clerk(), Clerk: true, Skew: 5 * time.Second, MaxBytes: 8 << 10}
}

func examine(t testing.TB, raw string) *doctor.Report {
	t.Helper()
	r, err := doctor.Examine(raw, options())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// printable fails on text that a terminal could take for an order.
func printable(t testing.TB, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Fatalf("not printable at byte %d: %q", i, text)
	}
}

// times are those of a token that is good now.
const times = `"iat":1799999990,"nbf":1799999980,"exp":1800000050`

// golden are tokens of every sort, with their reports in testdata.
var golden = map[string]struct{ header, claims string }{
	"v1": {plainHeader, `{"iss":"https://clerk.example.com","sub":"user_1","sid":"sess_1","azp":"https://app.example.com",` + times +
		`,"org_id":"org_acme","org_slug":"acme","org_role":"admin","org_permissions":["org:invoices:read","invoices:write"],"o":{"id":"org_x"}}`},
	"v2": {plainHeader, `{"iss":"https://clerk.example.com","sub":"user_1","sid":"sess_1","azp":"https://app.example.com","sts":"active","v":2,` + times +
		`,"fva":[2,-1],"fea":"o:dashboard,o:teams","pla":"o:pro","o":{"id":"org_acme","slg":"acme","rol":"member","per":"manage,read","fpm":"3,2"}}`},
	"mixed": {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,` + times +
		`,"fea":"u:billing,o:dashboard,uo:teams,x:y","pla":"u:solo","o":{"id":"org_acme","rol":"org:admin","per":"read,manage","fpm":"1,2,7"}}`},
	"masks": {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,` + times +
		`,"fea":"o:a,o:b,o:c,o:d,o:e","o":{"id":"org_acme","per":"read,manage","fpm":"1,x,-1,255"}}`},
	"pending":      {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,"sts":"pending","fva":"x",` + times + `}`},
	"impersonated": {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,` + times + `,"act":{"iss":"https://dashboard.clerk.com","sid":"sess_9","sub":"user_9","type":"agent"}}`},
	"oversize":     {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,` + times + `,"metadata":{"note":"` + strings.Repeat("x", 6200) + `"}}`},
	"machine":      {`{"alg":"HS256","typ":"at+jwt","cat":"cl_B7d4PD333AAA"}`, `{"iss":"i","sub":"mch_1","exp":1799999995,"nbf":1800000006}`},
	"hostile": {`{"alg":"RS256\u001b]0;x\u0007","kid":"k\u009b31m"}`, `{"iss":"i\r\nVerified: all","sub":"user_1\u202e","azp":"\u001b[2J","v":2,` + times +
		`,"fea":"o:a\u001b[1m","o":{"id":"org_\u0000","slg":"a b","rol":"x\ny","per":"r\tr","fpm":"1"},"\u001b[31mevil":"\u009b"}`},
	"unreadable": {plainHeader, `{"iss":"i","sub":"user_1","azp":"a","v":2,"exp":"soon","fea":"o:a,","o":{"id":"org_acme","slg":"acme","rol":"admin"}}`},
	"repeated":   {plainHeader, `{"iss":"i","sub":"user_1","sub":"user_2","azp":"a",` + times + `}`},
}

func TestGolden(t *testing.T) {
	for name, c := range golden {
		t.Run(name, func(t *testing.T) {
			r := examine(t, compact(c.header, c.claims))
			text := r.Text()
			printable(t, text)
			if !strings.HasPrefix(text, "Nothing was verified") {
				t.Errorf("the first line does not say that nothing was verified:\n%.200s", text)
			}
			object, err := r.JSON()
			if err != nil {
				t.Fatal(err)
			}
			printable(t, string(object))
			for extension, got := range map[string]string{".txt": text, ".json": string(object)} {
				path := filepath.Join("testdata", name+extension)
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s differs; run with -update and look at the change:\n%s", path, got)
				}
			}
		})
	}
}

// TestVectors: for every vector of Clerk's decoder the permissions of the report are those
// of the vector, in the text, in the JSON and in the table of masks.
func TestVectors(t *testing.T) {
	n := 0
	for line := range vectors(t) {
		n++
		r := examine(t, compact(plainHeader, string(line.Claims)))
		if string(line.Want) == `"throws"` {
			if len(r.Permissions) > 0 || !slices.ContainsFunc(r.Objections, func(f doctor.Objection) bool { return f.Code == decision.TokenClaims }) {
				t.Errorf("%s: permissions %q, objections %v", line.ID, r.Permissions, r.Objections)
			}
			continue
		}
		var want struct {
			OrgID          *string
			OrgPermissions []string
		}
		if err := json.Unmarshal(line.Want, &want); err != nil {
			t.Fatal(err)
		}
		if want.OrgID == nil || *want.OrgID == "" {
			want.OrgPermissions = nil
		}
		if !slices.Equal(r.Permissions, want.OrgPermissions) {
			t.Errorf("%s: permissions %q, want %q", line.ID, r.Permissions, want.OrgPermissions)
		}
		if r.Version.Number == 2 {
			var table []string
			for _, m := range r.Masks {
				table = append(table, m.Permissions...)
			}
			if !slices.Equal(table, want.OrgPermissions) {
				t.Errorf("%s: the table has %q, want %q", line.ID, table, want.OrgPermissions)
			}
		}
		object, err := r.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var again doctor.Report
		if err := json.Unmarshal(object, &again); err != nil || !slices.Equal(again.Permissions, want.OrgPermissions) {
			t.Errorf("%s: JSON has %q, %v", line.ID, again.Permissions, err)
		}
		text := r.Text()
		for _, p := range want.OrgPermissions {
			if strings.ContainsFunc(p, func(c rune) bool { return !unicode.IsPrint(c) || c == ' ' || c == '"' }) {
				continue
			}
			if !strings.Contains(text, " "+p+"\n") {
				t.Errorf("%s: %s is not in the text:\n%s", line.ID, p, text)
			}
		}
	}
	if n < 90 {
		t.Fatalf("%d vectors", n)
	}
}

type vector struct {
	ID           string
	Claims, Want json.RawMessage
}

// vectors are the cases of Clerk's decoder.
func vectors(t testing.TB) func(yield func(vector) bool) {
	t.Helper()
	text, err := os.Open("../../testdata/clerk/decode.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { text.Close() })
	return func(yield func(vector) bool) {
		for scanner := bufio.NewScanner(text); scanner.Scan(); {
			var v vector
			if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			if !yield(v) {
				return
			}
		}
	}
}

func codes(notes []doctor.Note) string {
	var all []string
	for _, n := range notes {
		all = append(all, n.Code)
	}
	return strings.Join(all, " ")
}

// TestHints asks one token many questions. What it has is no reason for a denial.
func TestHints(t *testing.T) {
	f := func(claims, question, want string) {
		t.Helper()
		q, err := request.ParseCheck([]byte(question))
		if err != nil {
			t.Fatal(err)
		}
		r := examine(t, compact(plainHeader, claims))
		if got := codes(r.Hints(q.Require)); got != want {
			t.Errorf("hints for %s: %q, want %q", question, got, want)
		}
	}
	const v2 = `{"sub":"u","v":2,` + times + `,"fea":"o:a,u:mine,o:b,o:c","pla":"o:pro","o":{"id":"org_1","rol":"member","per":"read,write","fpm":"1,x"}}`
	f(v2, `{"permission":"org:a:read"}`, "")
	f(v2, `{"permission":"a:read"}`, "")
	f(v2, `{"permission":"org:a:write"}`, "permission_missing")
	f(v2, `{"permission":"org:b:read"}`, "mask_malformed")
	f(v2, `{"permission":"org:c:read"}`, "mask_missing")
	f(v2, `{"permission":"org:mine:read"}`, "feature_missing")
	f(v2, `{"permission":"org:reports:read"}`, "feature_missing")
	f(v2, `{"permission":"org:sys_profile:manage"}`, "system_permission")
	f(v2, `{"permission":"sys_profile:manage"}`, "system_permission")
	f(v2, `{"permission":"read"}`, "permission_form")
	f(v2, `{"permission":5}`, "not_text")
	f(v2, `{"role":"org:member"}`, "")
	f(v2, `{"role":"member"}`, "")
	f(v2, `{"role":"Member"}`, "role_case")
	f(v2, `{"role":"admin"}`, "role_other")
	f(v2, `{"feature":"a"}`, "")
	f(v2, `{"feature":"user:a"}`, "feature_scope")
	f(v2, `{"feature":"org:mine"}`, "feature_scope")
	f(v2, `{"feature":"team:a"}`, "feature_scope")
	f(v2, `{"feature":"z"}`, "feature_missing")
	f(v2, `{"plan":"org:pro"}`, "")
	f(v2, `{"plan":"free"}`, "plan_missing")
	f(v2, `{"reverification":"strict"}`, "factor_age")
	f(v2, `{"any":[{"role":"admin"},{"role":"admin","permission":"org:sys_profile:manage"}]}`, "role_other system_permission")
	f(v2, `{"all":[{"role":"admin"},{"role":"Member"}]}`, "role_other role_case")

	const personal = `{"sub":"u","v":2,` + times + `}`
	f(personal, `{"role":"admin","permission":"org:a:b"}`, "no_organization")
	f(personal, `{"feature":"a","plan":"b"}`, "feature_claim plan_claim")
	f(`{"sub":"u","sts":"pending","v":2,`+times+`}`, `{"role":"admin"}`, "session_pending no_organization")

	const v1 = `{"sub":"u",` + times + `,"org_id":"org_1","org_permissions":["org:a:read"]}`
	f(v1, `{"permission":"org:a:read"}`, "")
	f(v1, `{"permission":"org:a:write"}`, "permission_missing")
	f(v1, `{"role":"admin"}`, "role_missing")

	// Of claims that cannot be read, nothing can be told.
	f(`{"v":2}`, `{"role":"admin"}`, "")
}

// TestHints_otherIssuer: what is Clerk's alone is not told of others.
func TestHints_otherIssuer(t *testing.T) {
	o := options()
	o.Clerk, o.Decoder = false, session.OIDC()
	r, err := doctor.Examine(compact(plainHeader, `{"sub":"u","azp":"a",`+times+`,"organization_id":"org_1","org_role":"keeper","org_permissions":["a"]}`), o)
	if err != nil {
		t.Fatal(err)
	}
	q, err := request.ParseCheck([]byte(`{"role":"admin"}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Organization == nil || r.Organization.Role != "keeper" || !slices.Equal(r.Permissions, []string{"a"}) || r.Version.Number != 0 {
		t.Errorf("report %+v", r)
	}
	if len(r.Notes) > 0 || len(r.Hints(q.Require)) > 0 || strings.Contains(r.Text(), "sys_") {
		t.Errorf("notes %v, hints %v", r.Notes, r.Hints(q.Require))
	}
}

// TestExamine_times: equality is expired, and the skew counts on either side.
func TestExamine_times(t *testing.T) {
	f := func(claims string, want ...decision.Code) {
		t.Helper()
		var got []decision.Code
		for _, r := range examine(t, compact(plainHeader, `{"sub":"u",`+claims+`}`)).Objections {
			got = append(got, r.Code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: objections %v, want %v", claims, got, want)
		}
	}
	f(`"exp":1799999996`)
	f(`"exp":1799999995`, decision.TokenExpired)
	f(`"exp":1800000100,"nbf":1800000005`)
	f(`"exp":1800000100,"nbf":1800000006`, decision.TokenNotYetValid)
	f(`"exp":1800000100,"iat":1800000006`, decision.TokenNotYetValid)
	f(`"exp":1e20`, decision.TokenClaims)
	f(`"iat":1`, decision.TokenClaims)
}

// TestExamine_custom: a claim takes the bytes that it has in the payload, whatever is in
// its name.
func TestExamine_custom(t *testing.T) {
	f := func(custom string, want int) {
		t.Helper()
		r := examine(t, compact(plainHeader, `{"sub":"u",`+custom+`,`+times+`}`))
		if len(r.CustomClaims.Claims) != 1 || r.CustomClaims.Bytes != want || r.CustomClaims.Claims[0].Bytes != want {
			t.Errorf("%s: %+v, want one claim of %d bytes", custom, r.CustomClaims, want)
		}
	}
	for _, custom := range []string{`"a":1`, `"a<b>&c":1`, `"\"\\":"<>"`, "\"\u2028é\":[1,2]"} {
		f(custom, len(custom)+len(","))
	}
	// What is no UTF-8 is read leniently, and counts as the character put in its place.
	f("\"\xff\":1", len("\"\uFFFD\":1,"))
}

// TestExamine_lenient: what a forgiving library would take is shown, and said to be no
// token.
func TestExamine_lenient(t *testing.T) {
	good := compact(plainHeader, `{"sub":"user_1",`+times+`}`)
	parts := strings.Split(good, ".")
	f := func(raw, cause string) {
		t.Helper()
		r := examine(t, raw)
		if !r.Malformed || r.Objections[0].Code != decision.TokenMalformed || !strings.Contains(r.Objections[0].Cause, cause) {
			t.Errorf("%s: malformed %v, objections %v, want %q", raw, r.Malformed, r.Objections, cause)
		}
		if r.Header.Alg != "RS256" || r.Subject != "user_1" || len(r.Permissions) > 0 {
			t.Errorf("%s: header %+v, user %q", raw, r.Header, r.Subject)
		}
		printable(t, r.Text())
	}
	f(parts[0]+"=."+parts[1]+".AAAA", "header: not unpadded")
	f(parts[0]+"."+parts[1]+"==.AAAA", "payload: not unpadded")
	f(parts[0]+"."+parts[1]+".", "signature: empty")
	f(parts[0]+"."+parts[1], "2 parts")
	f(compact(plainHeader, ` {"sub":"user_1"} `), "payload")
	f(compact(plainHeader, `{"sub":"user_1"} {"sub":"user_2"}`), "payload")
	f(compact(`{"alg":"RS256","crit":["x"]}`, `{"sub":"user_1","exp":1800000100}`), "crit")
}

// TestExamine_noToken names what it is instead, where that can be told.
func TestExamine_noToken(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		if r, err := doctor.Examine(raw, options()); err == nil || r != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Examine(%q) = %v, want %q", raw, err, want)
		} else {
			printable(t, err.Error())
		}
	}
	f("", "1 parts")
	f("\x1b[31m", "1 parts")
	f("a.b.c", "header")
	f("ak_123", "an API key")
	f("mt_123", "machine-to-machine")
	f("sk_live_123", "a secret key")
	f("a.b.c.d.e", "encrypted")
}

func FuzzExamine(f *testing.F) {
	for v := range vectors(f) {
		f.Add(compact(plainHeader, string(v.Claims)))
	}
	for _, c := range golden {
		f.Add(compact(c.header, c.claims))
	}
	f.Add("a.b.c")
	q, err := request.ParseCheck([]byte(`{"role":"a","permission":"org:a:b","feature":"org:a","plan":"p","reverification":"lax"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		// Most of what a fuzzer makes is no base64; the same as claims goes further.
		for _, raw := range []string{raw, compact(plainHeader, raw)} {
			r, err := doctor.Examine(raw, options())
			if err != nil {
				printable(t, err.Error())
				continue
			}
			r.Check = &doctor.Check{Question: []byte(`{}`), Bundle: raw, Decision: decision.Because(decision.PolicyDenied, raw), Hints: r.Hints(q.Require)}
			printable(t, r.Text())
			object, err := r.JSON()
			if err != nil {
				t.Fatal(err)
			}
			printable(t, string(object))
			if !json.Valid(object) {
				t.Fatalf("no JSON: %s", object)
			}
		}
	})
}
