package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// plain is a bundle that says nothing, so that tokens alone decide.
func plain(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "about/data.json", `{"about": "nothing"}`)
	return dir
}

func TestCheck(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	a := s.ask(good, `{"permission":"org:reports:read"}`)
	if a.Code != 200 || !a.Allow || a.Status != 200 || a.Body != `{"allow":true,"status":200,"reasons":[]}` {
		t.Errorf("allowed: %d %s", a.Code, a.Body)
	}
	if id := a.Header.Get("X-Decision-Id"); len(id) != 36 {
		t.Errorf("X-Decision-Id is %q", id)
	}
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Server") != "" {
		t.Errorf("headers: %v", a.Header)
	}
	a = s.ask(good, `{"permission":"org:reports:delete"}`)
	want := `{"allow":false,"status":403,"reasons":[{"code":"permission_not_granted","permission":"org:reports:delete",` +
		`"message":"the session in org_acme does not list org:reports:delete"}]}`
	if a.Code != 200 || a.Body != want {
		t.Errorf("denied: %d %s, want %s", a.Code, a.Body, want)
	}
	a = s.ask(good, `{}`)
	if a.Code != 200 || a.Allow || a.Status != 403 || a.codes() != "nothing_asked" {
		t.Errorf("nothing asked: %d %s", a.Code, a.Body)
	}
	a = s.ask(good, `{"action":"organization.delete","resource":{}}`)
	if a.Code != 200 || a.Allow || a.Status != 403 || a.codes() != "action_not_allowed permission_not_granted" {
		t.Errorf("action: %d %s", a.Code, a.Body)
	}
	a = s.ask(good, `{"action":"organization.create","resource":{"owned":1}}`)
	if a.Code != 200 || !a.Allow || a.Body != `{"allow":true,"status":200,"reasons":[]}` {
		t.Errorf("action: %d %s", a.Code, a.Body)
	}
}

// TestCheck_credentials asks the same with every kind of credential.
func TestCheck_credentials(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good, other := sign(t, nil), sign(t, map[string]any{"sid": "sess_2"})
	now := time.Now().Unix()
	expired := sign(t, map[string]any{"exp": now - 6})
	f := func(name, want string, headers ...string) {
		t.Helper()
		a := s.do("POST", "/v1/check", `{"role":"org:admin"}`, headers...)
		if a.Code != 200 || a.codes() != want || a.Allow != (want == "") {
			t.Errorf("%s: %d %s, want %q", name, a.Code, a.Body, want)
		}
		if want != "" && a.Status != 401 {
			t.Errorf("%s: status %d, want 401", name, a.Status)
		}
	}
	f("none", "token_missing")
	f("header", "", "Authorization", "Bearer "+good)
	f("scheme in another case", "", "Authorization", "bEARER "+good)
	f("several spaces", "", "Authorization", "Bearer   "+good)
	f("cookie", "", "Cookie", "a=b; __session="+good+"; c=d")
	f("cookie of another name", "token_missing", "Cookie", "__session_x="+good)
	f("cookie with an empty twin", "credentials_ambiguous", "Cookie", "__session=; __session="+good)
	f("header wins", "", "Authorization", "Bearer "+good, "Cookie", "__session="+expired)
	f("bad header, good cookie", "token_malformed", "Authorization", "Bearer x", "Cookie", "__session="+good)
	f("empty header, good cookie", "token_malformed", "Authorization", "", "Cookie", "__session="+good)
	f("Bearer alone, good cookie", "token_missing", "Authorization", "Bearer", "Cookie", "__session="+good)
	f("Basic, good cookie", "token_malformed", "Authorization", "Basic eDp5", "Cookie", "__session="+good)
	f("no scheme", "token_malformed", "Authorization", good)
	f("two different headers", "credentials_ambiguous", "Authorization", "Bearer "+good, "Authorization", "Bearer "+other)
	f("two equal headers", "", "Authorization", "Bearer "+good, "Authorization", "Bearer "+good)
	f("joined headers", "credentials_ambiguous", "Authorization", "Bearer "+good+",Bearer "+other)
	f("two different cookies", "credentials_ambiguous", "Cookie", "__session="+good+"; __session="+other)
	f("two different cookies in two headers", "credentials_ambiguous", "Cookie", "__session="+good, "Cookie", "__session="+other)
	f("two equal cookies", "", "Cookie", "__session="+good+"; __session="+good)
	f("expired", "token_expired", "Authorization", "Bearer "+expired)
	f("not yet", "token_not_yet_valid", "Authorization", "Bearer "+sign(t, map[string]any{"nbf": now + 60}))
	f("issuer", "token_issuer", "Authorization", "Bearer "+sign(t, map[string]any{"iss": issuer + "/"}))
	f("no subject", "token_claims", "Authorization", "Bearer "+sign(t, map[string]any{"sub": ""}))
	f("malformed fea", "token_claims", "Authorization", "Bearer "+sign(t, map[string]any{"fea": "reports"}))
	f("pending", "session_pending", "Authorization", "Bearer "+sign(t, map[string]any{"sts": "pending"}))
	f("signature", "token_signature", "Authorization", "Bearer "+good[:len(good)-4]+"AAAA")
	f("too long", "token_malformed", "Authorization", "Bearer "+good+strings.Repeat("A", 8<<10))
	// Once more: the second time answers come from the cache.
	f("header again", "", "Authorization", "Bearer "+good)
	pending := sign(t, map[string]any{"sts": "pending"})
	f("pending once", "session_pending", "Authorization", "Bearer "+pending)
	f("pending twice", "session_pending", "Authorization", "Bearer "+pending)
}

func TestCheck_authorizedParties(t *testing.T) {
	c := standard(t, plain(t))
	c.Issuers.List[0].AuthorizedParties.Any = false
	c.Issuers.List[0].AuthorizedParties.Origins = []string{"https://app.example.com"}
	s := start(t, c)
	for azp, want := range map[any]string{
		"https://app.example.com":  "",
		"https://app.example.com/": "token_authorized_party",
		"https://evil.example.com": "token_authorized_party",
		nil:                        "token_authorized_party",
		7:                          "token_authorized_party",
	} {
		if a := s.ask(sign(t, map[string]any{"azp": azp}), `{"role":"admin"}`); a.codes() != want {
			t.Errorf("azp %v: %s, want %q", azp, a.Body, want)
		}
	}
}

// TestCheck_has runs Clerk's has() cases as really signed tokens against the server: 581
// are equal, and the 19 with a key that has() ignores are no question here.
func TestCheck_has(t *testing.T) {
	whole := standard(t, plain(t))
	treating := standard(t, plain(t))
	treating.Issuers.List[0].TreatPendingAsSignedOut = false
	standardServer, otherServer := start(t, whole), start(t, treating)
	file, err := os.Open("../../testdata/clerk/has.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	equal, unknown := 0, 0
	for scan.Scan() {
		var c struct {
			ID, Tag string
			Claims  map[string]any
			Check   json.RawMessage
			Opts    struct{ TreatPendingAsSignedOut *bool }
			Want    bool
		}
		d := json.NewDecoder(strings.NewReader(scan.Text()))
		d.UseNumber()
		if err := d.Decode(&c); err != nil {
			t.Fatal(err)
		}
		now := time.Now().Unix()
		c.Claims["iat"], c.Claims["nbf"], c.Claims["exp"] = now-5, now-10, now+60
		c.Claims["iss"] = issuer
		raw, err := signer().Sign(c.Claims)
		if err != nil {
			t.Fatal(err)
		}
		s := standardServer
		if o := c.Opts.TreatPendingAsSignedOut; o != nil && !*o {
			s = otherServer
		}
		a := s.ask(raw, string(c.Check))
		if a.Code == 400 && a.codes() == "request_malformed" && strings.Contains(a.Reasons[0].Message, "unknown key") {
			unknown++
			continue
		}
		if a.Code != 200 || a.Allow != c.Want {
			t.Errorf("%s (%s): %s = %d %s, want %v", c.ID, c.Tag, c.Check, a.Code, a.Body, c.Want)
			continue
		}
		if !a.Allow && len(a.Reasons) == 0 {
			t.Errorf("%s: a denial without a reason", c.ID)
		}
		equal++
	}
	if equal != 581 || unknown != 19 {
		t.Errorf("%d equal and %d with an unknown key, want 581 and 19", equal, unknown)
	}
}

func TestCheck_malformed(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	f := func(body, want string) {
		t.Helper()
		a := s.ask(good, body)
		if a.Code != 400 || a.Allow || a.Status != 400 || a.codes() != "request_malformed" || !strings.Contains(a.Reasons[0].Message, want) {
			t.Errorf("%.80s: %d %s, want 400 with %q", body, a.Code, a.Body, want)
		}
	}
	f(``, "empty")
	f(`null`, "object")
	f(`[]`, "object")
	f(`"role"`, "object")
	f(`{"role":"admin"`, "JSON")
	f(`{"role":"admin"}{}`, "follows")
	f(`{"role":"admin"} x`, "")
	f(`{"role":"admin","role":"owner"}`, "")
	f("{\"role\":\"\xff\"}", "")
	f(`{"roles":"admin"}`, `did you mean "role"`)
	f(`{"role":"admin","any":[]}`, "all")
	f(`{"any":{"role":"admin"}}`, "")
	f(`{"action":7}`, "action")
	f(`{"action":""}`, "action")
	f(`{"action":"a","role":"admin"}`, "beside")
	f(`{"role":"admin","resource":"r"}`, "resource")
	f(`{"role":"admin","context":[]}`, "context")
	f(`{"role":"admin","context":null}`, "context")
	f(`{"role":"admin","context":{"n":1e999}}`, "number")
	f(`{"role":"admin","context":{"n":`+strings.Repeat("9", 65)+`}}`, "number")
	f(`{"role":"admin","context":`+strings.Repeat(`{"a":`, 64)+`1`+strings.Repeat(`}`, 64)+`}`, "nests")
	f(strings.Repeat(`{"all":[`, 5000), "nests")
	f(`{"any":[`+strings.TrimSuffix(strings.Repeat(`{"role":"a"},`, 1), ",")+`,{"rolle":"b"}]}`, "rolle")
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprintf(`{"role":"r%d"}`, i))
	}
	f(`{"any":[`+strings.Join(many, ",")+`]}`, "64")
	if a := s.ask(good, `{"any":[`+strings.Join(many[:64], ",")+`]}`); a.Code != 200 {
		t.Errorf("64 terms: %d %s", a.Code, a.Body)
	}
}

func TestChecks(t *testing.T) {
	s := start(t, standard(t, plain(t), "limits: {batch: 3}"))
	good := sign(t, nil)
	ask := func(body string) answer {
		t.Helper()
		return s.do("POST", "/v1/checks", body, "Authorization", "Bearer "+good)
	}
	a := ask(`{"checks":[{"role":"owner"},{"role":"admin"},{}]}`)
	if a.Code != 200 || len(a.Results) != 3 || a.Results[0].Allow || !a.Results[1].Allow || a.Results[2].Allow {
		t.Errorf("three questions: %d %s", a.Code, a.Body)
	}
	if a := ask(`{"checks":[]}`); a.Code != 200 || a.Body != `{"results":[]}` {
		t.Errorf("no question: %d %s", a.Code, a.Body)
	}
	for _, body := range []string{
		``, `{}`, `[]`, `{"checks":null}`, `{"checks":{}}`, `{"checks":[[]]}`, `{"checks":[{}],"more":1}`,
		`{"checks":[{"role":"a"},{"roles":"b"}]}`, `{"checks":[{},{},{},{}]}`, `{"checks":[{}],"checks":[{}]}`, `{"checks":[{}]} 1`,
	} {
		if a := ask(body); a.Code != 400 || a.codes() != "request_malformed" {
			t.Errorf("%s: %d %s, want 400", body, a.Code, a.Body)
		}
	}
}

func TestSession(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
roles: {"org:admin": {permissions: ["org:sys_memberships:manage"]}}
plans: {pro: {features: [reports]}}
`)
	s := start(t, standard(t, dir))
	a := s.do("GET", "/v1/session", "", "Authorization", "Bearer "+sign(t, map[string]any{"metadata": map[string]any{"role": "root"}}))
	var got struct {
		Session struct {
			UserID   string         `json:"user_id"`
			Issuer   string         `json:"issuer"`
			Org      map[string]any `json:"org"`
			Metadata map[string]any `json:"metadata"`
			Claims   map[string]any `json:"claims"`
		}
		Permissions []string
		Role, Plan  string
		Features    []string
	}
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Code != 200 {
		t.Fatalf("%d %s: %v", a.Code, a.Body, err)
	}
	if got.Session.UserID != "user_1" || got.Session.Org["id"] != "org_acme" || got.Session.Metadata["role"] != "root" || got.Session.Claims["sid"] != "sess_1" {
		t.Errorf("session: %s", a.Body)
	}
	if fmt.Sprint(got.Permissions) != "[org:reports:export org:reports:read org:sys_memberships:manage]" ||
		got.Role != "org:admin" || got.Plan != "pro" || fmt.Sprint(got.Features) != "[reports]" {
		t.Errorf("effective: %s", a.Body)
	}
	a = s.do("GET", "/v1/session", "")
	if a.Code != 401 || a.codes() != "token_missing" || a.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without token: %d %s", a.Code, a.Body)
	}
}

func TestEndpoints(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	f := func(method, path string, want int) {
		t.Helper()
		if a := s.do(method, path, `{"role":"admin"}`, "Authorization", "Bearer "+good); a.Code != want || a.Allow {
			t.Errorf("%s %s: %d %s, want %d", method, path, a.Code, a.Body, want)
		}
	}
	f("GET", "/v1/check", 405)
	f("PUT", "/v1/checks", 405)
	f("POST", "/v1/session", 405)
	for _, path := range []string{
		"/", "/v1/check/", "//v1/check", "/v1//check", "/V1/check", "/v1/%63heck", "/x/../v1/check", "/v1/check;a=b",
		"/healthz", "/readyz", "/metrics", "/v1/status", "/debug/pprof/",
	} {
		f("POST", path, 404)
	}
	if a := s.do("POST", "/v1/check?pretty", `{"role":"admin"}`, "Authorization", "Bearer "+good); a.Code != 200 || !a.Allow {
		t.Errorf("with a query: %d %s", a.Code, a.Body)
	}
}

func TestEndpoints_doorClosed(t *testing.T) {
	c := standard(t, plain(t))
	c.Doors.Check = false
	s := start(t, c)
	if a := s.ask(sign(t, nil), `{"role":"admin"}`); a.Code != 404 || a.Allow {
		t.Errorf("%d %s, want 404", a.Code, a.Body)
	}
}

func TestIssuersNone(t *testing.T) {
	s := start(t, load(t, "http: {listen: '127.0.0.1:0'}\nadmin: {listen: '127.0.0.1:0'}\ngrpc: {listen: '127.0.0.1:0'}\nissuers: none\nbundles: [{path: "+plain(t)+"}]"))
	if a := s.ask(sign(t, nil), `{"role":"admin"}`); a.Allow || a.codes() != "token_issuer" {
		t.Errorf("with a token: %s", a.Body)
	}
	if a := s.do("POST", "/v1/check", `{"role":"admin"}`); a.Allow || a.codes() != "token_missing" {
		t.Errorf("without: %s", a.Body)
	}
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("readyz: %d %s", a.Code, a.Body)
	}
}

// TestSeveralIssuers: the iss of a token chooses its keys and how its claims are read.
func TestSeveralIssuers(t *testing.T) {
	c := standard(t, plain(t))
	oidc := c.Issuers.List[0]
	oidc.Issuer, oidc.Cookie = "https://portal.example.com", "portal"
	oidc.Claims.Profile = "oidc"
	c.Issuers.List = append(c.Issuers.List, oidc)
	s := start(t, c)
	portal := sign(t, map[string]any{
		"iss": oidc.Issuer, "o": nil, "fea": nil, "pla": nil, "v": nil,
		"organization_id": "org_7", "org_role": "owner", "org_permissions": []string{"projects:read"}, "licenses": []string{"pro"},
	})
	for body, want := range map[string]bool{
		`{"role":"owner"}`:               true,
		`{"role":"org:owner"}`:           false,
		`{"permission":"projects:read"}`: true,
		`{"plan":"pro"}`:                 true,
		`{"plan":"org:pro"}`:             false,
	} {
		if a := s.do("POST", "/v1/check", body, "Cookie", "portal="+portal); a.Allow != want {
			t.Errorf("portal %s: %s, want %v", body, a.Body, want)
		}
	}
	if a := s.do("POST", "/v1/check", `{"role":"org:admin"}`, "Cookie", "__session="+sign(t, nil)); !a.Allow {
		t.Errorf("clerk: %s", a.Body)
	}
	if a := s.do("POST", "/v1/check", `{"role":"org:admin"}`, "Cookie", "__session="+sign(t, nil)+"; portal="+portal); a.codes() != string(decision.CredentialsAmbiguous) {
		t.Errorf("both cookies: %s", a.Body)
	}
}

func TestDecisionLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, plain(t), "decision_log: "+path))
	good := sign(t, nil)
	a := s.ask(good, `{"permission":"org:reports:delete"}`)
	s.do("POST", "/v1/checks", `{"checks":[{"role":"admin"},{"action":"x"}]}`, "Authorization", "Bearer "+good)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(records) != 3 {
		t.Fatalf("%d records, want 3:\n%s", len(records), text)
	}
	for _, want := range []string{
		`"decision_id":"` + a.Header.Get("X-Decision-Id") + `"`, `"door":"check"`, `"user":"user_1"`, `"organization":"org_acme"`,
		`"allow":false`, `"code":"permission_not_granted"`, `"question":{"any":[{"permission":"org:reports:delete"}]}`, `"digest":"sha256:`,
	} {
		if !strings.Contains(records[0], want) {
			t.Errorf("record lacks %s:\n%s", want, records[0])
		}
	}
	if !strings.Contains(records[1], `"item":0`) || !strings.Contains(records[2], `"item":1`) || !strings.Contains(records[2], `"action":"x"`) {
		t.Errorf("batch records:\n%s\n%s", records[1], records[2])
	}
	for name, hidden := range map[string]string{"decision log": string(text), "log": s.log.String()} {
		if strings.Contains(hidden, good[:40]) {
			t.Errorf("the %s holds a token", name)
		}
	}
}

// TestCheck_enrollment: an enrollment says how.
func TestCheck_enrollment(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
roles: {member: {}}
role_sets: {all: {roles: [member], default_role: member}}
organizations: {org_acme: {domains: {acme.com: automatic_suggestion}}}
settings: {default_role_set: all}
`)
	s := start(t, standard(t, dir))
	a := s.ask(sign(t, map[string]any{"o": nil}), `{"action":"domain.enroll","resource":{"email":"ada@acme.com","domain":"acme.com","members":1,"pending":0}}`)
	want := `{"allow":true,"status":200,"reasons":[],"enrollment":{"organization":"org_acme","mode":"automatic_suggestion","role":"member"}}`
	if a.Code != 200 || a.Body != want {
		t.Errorf("%d %s, want %s", a.Code, a.Body, want)
	}
}
