package server_test

import (
	"net/http"
	"testing"

	"postern/sidecar/config"
)

// TestAuthZEN_metadata holds the metadata to the letter (c-6-1, c-6-5-id, c-6-5-eval,
// c-6-5-opt, c-6-5-cap, c-6-5-sig, c-6-null): the identifier is as it was configured, and
// nothing is stated that is not there.
func TestAuthZEN_metadata(t *testing.T) {
	const at = "/.well-known/authzen-configuration"
	f := func(public, base string, paths ...string) {
		t.Helper()
		c := authzen(standard(t, certified(t)))
		c.PublicURL = public
		c.Entrypoints.Evaluate, c.Entrypoints.Search = "pdp/decision", config.Search{Subject: "pdp/subjects", Resource: "pdp/resources"}
		s := start(t, c)
		access := `":"` + base + `/access/v1/`
		want := `{"policy_decision_point":"` + public + `","access_evaluation_endpoint` + access + `evaluation","access_evaluations_endpoint` + access + `evaluations",` +
			`"search_subject_endpoint` + access + `search/subject","search_resource_endpoint` + access + `search/resource","search_action_endpoint` + access + `search/action"}`
		for _, path := range paths {
			a := s.do("GET", path, "", "X-Request-ID", "Q")
			if a.Code != 200 || a.Body != want || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "max-age=300" || a.Header.Get("X-Request-ID") != "Q" {
				t.Errorf("%s of %s: %d %s %v\nwant %s", path, public, a.Code, a.Body, a.Header, want)
			}
		}
		a := s.do("HEAD", at, "")
		if a.Code != 200 || a.Body != "" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("HEAD: %d %q %v", a.Code, a.Body, a.Header)
		}
		if a := s.do("POST", at, "{}"); a.Code != 405 || a.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST: %d %s %v", a.Code, a.Body, a.Header)
		}
		// The endpoints answer where the metadata says (c-6-ep), and where a proxy took the path off.
		u, err := http.NewRequest("POST", base, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"", u.URL.Path} {
			a := s.do("POST", prefix+"/access/v1/evaluation", aliceReads, "Content-Type", "application/json", "X-Request-ID", "Q")
			if a.Code != 200 || a.Body != yes || a.Header.Get("X-Request-ID") != "Q" {
				t.Errorf("below %q: %d %s", prefix, a.Code, a.Body)
			}
		}
	}
	f("https://pdp.example.com", "https://pdp.example.com", at)
	f("https://PDP.example.com/", "https://PDP.example.com", at)
	f("https://pdp.example.com:8443/tenant1", "https://pdp.example.com:8443/tenant1", at, at+"/tenant1")
	f("https://pdp.example.com/a/%C3%A9/", "https://pdp.example.com/a/%C3%A9", at, at+"/a/%C3%A9", at+"/a/%C3%A9/")
}

// TestAuthZEN_metadataOpen: the metadata is for everyone who may become a client.
func TestAuthZEN_metadataOpen(t *testing.T) {
	c := authzen(standard(t, certified(t)))
	c.PublicURL, c.Clients.Anonymous = "https://pdp.example.com", ""
	s := start(t, c)
	if a := s.do("GET", "/.well-known/authzen-configuration", ""); a.Code != 200 {
		t.Errorf("%d %s", a.Code, a.Body)
	}
}

// TestAuthZEN_notOffered: a search that nothing lists for is not stated, and is not there.
func TestAuthZEN_notOffered(t *testing.T) {
	c := authzen(standard(t, plain(t)))
	c.PublicURL = "https://pdp.example.com"
	s := start(t, c)
	want := `{"policy_decision_point":"https://pdp.example.com","access_evaluation_endpoint":"https://pdp.example.com/access/v1/evaluation",` +
		`"access_evaluations_endpoint":"https://pdp.example.com/access/v1/evaluations","search_action_endpoint":"https://pdp.example.com/access/v1/search/action"}`
	if a := s.do("GET", "/.well-known/authzen-configuration", ""); a.Body != want {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	for endpoint, want := range map[string]int{"search/subject": 404, "search/resource": 404, "search/action": 200} {
		a := s.access(endpoint, accessBodies[endpoint], "X-Request-ID", "Q")
		if a.Code != want || a.Header.Get("X-Request-ID") != "Q" {
			t.Errorf("%s: %d %s, want %d", endpoint, a.Code, a.Body, want)
		}
	}
}

func TestAuthZEN_noPublicURL(t *testing.T) {
	s := start(t, authzen(standard(t, plain(t))))
	a := s.do("GET", "/.well-known/authzen-configuration", "")
	if a.Code != 404 || a.Body != "there is no metadata without public_url in the configuration" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
}
