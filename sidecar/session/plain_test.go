package session

import (
	"reflect"
	"strings"
	"testing"
)

func TestFromClaims_oidc(t *testing.T) {
	s := mustRead(t, OIDC(), `{"iss":"https://id.example.com","sub":"7f1","iat":9,"sid":"s-1","organization_id":"acme",
		"org_role":"owner","org_permissions":["projects:read","org:x","projects:read"],
		"licenses":["team","o:x"],"entitlements":["sso"],"act":{"sub":"svc"},"o":{"id":"org_2"},"v":2,"fea":"o:a,","sts":"pending"}`)
	s.Claims = nil
	want := &Session{
		UserID: "7f1", SessionID: "s-1", Status: "pending", Issuer: "https://id.example.com", Profile: ProfilePlain, IssuedAt: 9,
		Org:      &Org{ID: "acme", Role: "owner", Permissions: []string{"projects:read", "org:x", "projects:read"}},
		Plans:    &Scoped{Org: []string{"team", "o:x"}},
		Features: &Scoped{Org: []string{"sso"}},
		Actor:    []byte(`{"sub":"svc"}`), ActorUser: "svc",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("session %+v, organization %+v, want %+v", s, s.Org, want)
	}

	// Nothing but the user, in two spellings; an empty id is no organization.
	for _, payload := range []string{
		`{"sub":"u"}`,
		`{"sub":"u","sid":null,"organization_id":null,"org_role":null,"org_permissions":null,"licenses":null,"entitlements":null,"act":null}`,
		`{"sub":"u","organization_id":"","org_role":"owner","org_permissions":["projects:read"]}`,
		`{"sub":"u","org_role":"owner","org_permissions":["projects:read"]}`,
	} {
		s := mustRead(t, OIDC(), payload)
		s.Claims = nil
		if want := (&Session{UserID: "u", Profile: ProfilePlain}); !reflect.DeepEqual(s, want) {
			t.Errorf("session of %s: %+v, want %+v", payload, s, want)
		}
	}

	// A list that is there and empty is not an absent one.
	if s := mustRead(t, OIDC(), `{"sub":"u","licenses":[]}`); s.Plans == nil || len(s.Plans.Org) != 0 || s.Features != nil {
		t.Errorf("empty licenses: plans %+v, features %+v", s.Plans, s.Features)
	}
}

func TestFromClaims_oidcMalformed(t *testing.T) {
	for _, text := range []string{"sid", "organization_id", "org_role"} {
		for _, value := range []string{`5`, `true`, `false`, `["a"]`, `{}`} {
			malformed(t, OIDC(), text, `{"sub":"u","`+text+`":`+value+`}`)
		}
	}
	for _, list := range []string{"org_permissions", "licenses", "entitlements"} {
		for _, value := range []string{`"a"`, `"a b"`, `"a,b"`, `5`, `false`, `{}`, `{"0":"a"}`, `["a",5]`, `[null]`, `[["a"]]`} {
			malformed(t, OIDC(), list, `{"sub":"u","organization_id":"o","`+list+`":`+value+`}`)
		}
	}
	malformed(t, OIDC(), "no user", `{"organization_id":"o"}`)
}

// malformed fails the test where claims are taken, or refused without a word on what
// is wrong, or with the value itself.
func malformed(t *testing.T, d Decoder, word, payload string) {
	t.Helper()
	s, err := read(t, d, payload)
	if err == nil {
		t.Errorf("session of %s: %+v, want an error", payload, s)
		return
	}
	if !strings.Contains(err.Error(), word) {
		t.Errorf("session of %s: error %q, want %q in it", payload, err, word)
	}
}

// everything maps each member of a session.
var everything = Mapping{
	UserID:    "/user/id",
	SessionID: "/ids/0",
	Status:    "/a~1b/~0status",
	Org:       OrgMapping{ID: "/tenant/id", Slug: "/tenant/slug", Role: "/tenant/roles/1", Permissions: "/tenant/can"},
	Features:  ScopedMapping{Org: "/features/org", User: "/features/user"},
	Plans:     ScopedMapping{Org: "/plans", User: "/my plans"},
	Metadata:  "/",
	Actor:     "/act",
	FactorAge: "/ages",
}

func mapped(t *testing.T, m Mapping) Decoder {
	t.Helper()
	d, err := m.Decoder()
	if err != nil {
		t.Fatalf("decoder of %+v: %v", m, err)
	}
	return d
}

func TestFromClaims_mapping(t *testing.T) {
	d := mapped(t, everything)
	s := mustRead(t, d, `{"iss":"https://id.example.com","sub":"not this","iat":3,"user":{"id":"u-1"},"ids":["s-1","s-2"],
		"a/b":{"~status":"active"},"tenant":{"id":"acme","slug":"a","roles":["x","owner"],"can":["read","read"]},
		"features":{"org":["sso"],"user":[]},"plans":["team"],"my plans":["pro"],"":{"m":[1]},"act":"svc","ages":[1.5,-1]}`)
	s.Claims = nil
	want := &Session{
		UserID: "u-1", SessionID: "s-1", Status: "active", Issuer: "https://id.example.com", Profile: ProfilePlain, IssuedAt: 3,
		Org:       &Org{ID: "acme", Slug: "a", Role: "owner", Permissions: []string{"read", "read"}},
		Features:  &Scoped{Org: []string{"sso"}, User: []string{}},
		Plans:     &Scoped{Org: []string{"team"}, User: []string{"pro"}},
		Metadata:  []byte(`{"m":[1]}`),
		Actor:     []byte(`"svc"`),
		FactorAge: &[2]float64{1.5, -1},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("session %+v, organization %+v, want %+v", s, s.Org, want)
	}

	// Absent in every way: no such name, null, the middle of the path is no container,
	// an index that is beyond the end.
	for _, claims := range []string{
		``, `,"tenant":null,"ids":[],"features":null,"ages":null,"":null,"act":null`,
		`,"tenant":"acme","ids":"s-1","features":5,"a/b":[],"my plans":null`,
	} {
		s := mustRead(t, d, `{"user":{"id":"u-1"}`+claims+`}`)
		s.Claims = nil
		if want := (&Session{UserID: "u-1", Profile: ProfilePlain}); !reflect.DeepEqual(s, want) {
			t.Errorf("session with claims %s: %+v, want %+v", claims, s, want)
		}
	}

	// A mapping of nothing knows the user.
	if s := mustRead(t, mapped(t, Mapping{}), `{"sub":"u"}`); s.UserID != "u" || s.Org != nil || s.Metadata != nil {
		t.Errorf("session of the empty mapping: %+v", s)
	}
}

func TestFromClaims_mappingMalformed(t *testing.T) {
	d := mapped(t, everything)
	f := func(word, claims string) {
		t.Helper()
		malformed(t, d, word, `{"sub":"s","user":{"id":"u"},`+claims+`}`)
	}
	f("/ids/0", `"ids":[5]`)
	f("/a~1b/~0status", `"a/b":{"~status":true}`)
	f("/tenant/id", `"tenant":{"id":5}`)
	f("/tenant/slug", `"tenant":{"slug":{}}`)
	f("/tenant/roles/1", `"tenant":{"roles":["a",["b"]]}`)
	f("/tenant/can", `"tenant":{"can":"read"}`)
	f("/features/org", `"features":{"org":{}}`)
	f("/features/user", `"features":{"user":[1]}`)
	f("/plans", `"plans":"team"`)
	f("/my plans", `"my plans":[null]`)
	f("/ages", `"ages":[1,2,3]`)
	f("/ages", `"ages":[1,-2]`)
	f("/ages", `"ages":"1"`)

	// The mapped user is the user: sub does not stand in for it.
	malformed(t, d, "no user", `{"sub":"s"}`)
	malformed(t, d, "no user", `{"sub":"s","user":{"id":""}}`)
	malformed(t, d, "/user/id", `{"sub":"s","user":{"id":7}}`)
}

func TestMapping_Decoder_errors(t *testing.T) {
	_, err := Mapping{
		UserID:    "sub",
		SessionID: "#/sid",
		Org:       OrgMapping{Slug: "/a~", Role: "/role"},
		Features:  ScopedMapping{User: "/~2"},
		FactorAge: "$.fva",
	}.Decoder()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"user_id: ", "session_id: ", "org.slug: ", "features.user: ", "factor_age: ", "org.id is required"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 6 {
		t.Errorf("%d mistakes, want 6: %v", n, err)
	}
}

func TestPointer(t *testing.T) {
	// RFC 6901 section 5, and what its section 4 says of indexes.
	const document = `{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"01":9,"-":10,"~1":11}`
	f := func(p, want string) {
		t.Helper()
		at, err := parsePointer(p)
		if err != nil {
			t.Errorf("pointer %q: %v", p, err)
			return
		}
		if got := string(at.find([]byte(document))); got != want {
			t.Errorf("pointer %q points at %q, want %q", p, got, want)
		}
		if got := at.String(); got != p {
			t.Errorf("pointer %q is written %q", p, got)
		}
	}

	f("", "")
	f("/foo", `["bar","baz"]`)
	f("/foo/0", `"bar"`)
	f("/foo/1", `"baz"`)
	f("/", "0")
	f("/a~1b", "1")
	f("/c%d", "2")
	f("/e^f", "3")
	f("/g|h", "4")
	f(`/i\j`, "5")
	f(`/k"l`, "6")
	f("/ ", "7")
	f("/m~0n", "8")
	f("/01", "9")
	f("/-", "10")
	f("/~01", "11")
	for _, nowhere := range []string{
		"/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/-0", "/foo/", "/foo/0/0", "/foo/99999999999999999999", "/foo/1e0", "/bar", "/foo/0x0",
	} {
		f(nowhere, "")
	}
}

// TestMapping_defaults: a mapping that does not speak of the session still knows its id
// and its status, so that revocation and pending sessions hold.
func TestMapping_defaults(t *testing.T) {
	d, err := Mapping{Org: OrgMapping{ID: "/t"}}.Decoder()
	if err != nil {
		t.Fatal(err)
	}
	s := mustRead(t, d, `{"sub":"u","sid":"s-1","sts":"pending","t":"org_1"}`)
	if s.SessionID != "s-1" || s.Status != "pending" {
		t.Errorf("session %+v, want s-1, pending", s)
	}
}
