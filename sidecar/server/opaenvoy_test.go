package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// An envoyCase is a request and what OPA-Envoy makes of it with a policy: an answer, or an
// error of the call. Here is the reason of the denial where Postern denies instead: for an
// error, or where its own rules about paths, bodies and headers are stricter.
type envoyCase struct {
	About   string
	Request json.RawMessage
	Answer  json.RawMessage
	Error   string
	Here    string
}

// TestOPAEnvoy runs policies as they are written for OPA-Envoy, and compares answer by
// answer. A case of testdata/opa_envoy is the policy NAME.rego with the requests of
// NAME.json. What OPA-Envoy answers is written there, and was compared, case by case, with
// what the code of opa-envoy-plugin answers with OPA 1.22: with its reading of requests, its
// evaluation, and its making of the answer from the result (envoyauth and Check of its
// gRPC service for version 3), in which the decision log, metrics, tracing and the bodies of
// gRPC calls were left out. An error is its whole message; that of a conflict also has places
// in the policy.
func TestOPAEnvoy(t *testing.T) {
	names, err := filepath.Glob("../../testdata/opa_envoy/*.rego")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d policies, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".rego"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			described, err := os.ReadFile(strings.TrimSuffix(name, ".rego") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var corpus struct {
				Builtins []string
				Cases    []envoyCase
			}
			if err := json.Unmarshal(described, &corpus); err != nil {
				t.Fatal(err)
			}
			client := authv3.NewAuthorizationClient(opaEnvoy(t, string(text), corpus.Builtins...).connect())
			for _, c := range corpus.Cases {
				var r authv3.CheckRequest
				if err := protojson.Unmarshal(c.Request, &r); err != nil {
					t.Fatalf("%s: %v", c.About, err)
				}
				answer, err := client.Check(soon(t), &r)
				if err != nil {
					t.Errorf("%s: the call failed: %v", c.About, err)
					continue
				}
				c.compare(t, answer)
			}
		})
	}
}

// opaEnvoy serves a policy by OPA-Envoy's entrypoint.
func opaEnvoy(t testing.TB, policy string, builtins ...string) *sidecar {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "policy.rego", policy)
	return start(t, standard(t, dir, "entrypoints: {route: envoy/authz/allow}", "policy: {builtins: ["+strings.Join(builtins, ", ")+"]}"))
}

func (c envoyCase) compare(t *testing.T, got *authv3.CheckResponse) {
	t.Helper()
	if (c.Error != "") == (c.Answer != nil) || c.Error != "" && c.Here == "" {
		t.Fatalf("%s: the case wants an answer, or an error and what is here", c.About)
	}
	if c.Here != "" {
		words := strings.Fields(told(got, nil))
		if len(words) != 2 || words[1] != c.Here || got.GetDeniedResponse().GetBody() != "" {
			t.Errorf("%s: %v, want a bare denial for %s", c.About, got, c.Here)
		}
		return
	}
	var answer authv3.CheckResponse
	if err := protojson.Unmarshal(c.Answer, &answer); err != nil {
		t.Fatalf("%s: %v", c.About, err)
	}
	if g, w := effect(got), effect(&answer); !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n%v\nwant\n%v", c.About, g, w)
	}
}

// effect is what Envoy does with an answer, without what Postern adds to each.
func effect(r *authv3.CheckResponse) map[string]any {
	metadata := r.GetDynamicMetadata().AsMap()
	delete(metadata, "decision_id")
	delete(metadata, "reasons")
	e := map[string]any{"allow": r.GetStatus().GetCode() == 0, "metadata": metadata}
	if r.GetStatus().GetCode() != 0 {
		denied := r.GetDeniedResponse()
		e["status"] = max(403, denied.GetStatus().GetCode())
		if denied.GetStatus() != nil {
			e["status"] = denied.GetStatus().GetCode()
		}
		e["headers"] = listed(denied.GetHeaders(), "cache-control", "x-decision-id", "x-content-type-options", "www-authenticate: Bearer", "content-type: text/plain; charset=utf-8")
		e["body"] = document(denied.GetBody())
		return e
	}
	ok := r.GetOkResponse()
	e["headers"] = listed(ok.GetHeaders())
	e["response headers"] = listed(ok.GetResponseHeadersToAdd())
	removed := []string{}
	for _, name := range ok.GetHeadersToRemove() {
		if !strings.HasPrefix(name, "x-postern-") {
			removed = append(removed, strings.ToLower(name))
		}
	}
	slices.Sort(removed)
	e["removed headers"] = removed
	query := []string{}
	for _, p := range ok.GetQueryParametersToSet() {
		query = append(query, p.GetKey()+"="+p.GetValue())
	}
	slices.Sort(query)
	e["query"] = query
	e["removed query"] = append([]string{}, ok.GetQueryParametersToRemove()...)
	return e
}

// listed are headers as lines, less those that begin like one of without.
func listed(headers []*corev3.HeaderValueOption, without ...string) []string {
	lines := []string{}
	for _, h := range headers {
		line := strings.ToLower(h.GetHeader().GetKey()) + ": " + h.GetHeader().GetValue()
		if !slices.ContainsFunc(without, func(own string) bool {
			return strings.HasPrefix(line, own+":") || line == own
		}) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// document is a body, without the spelling of its JSON where it is that.
func document(body string) any {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return body
	}
	return v
}

// TestOPAEnvoy_otherDoors: the document is the same for what other proxies ask about.
func TestOPAEnvoy_otherDoors(t *testing.T) {
	s := opaEnvoy(t, `package envoy.authz

import input.attributes.request.http as http_request

default allow := {"allowed": false, "http_status": 404, "headers": {"x-why": "rules"}, "body": "nothing here"}

allow := {"allowed": true, "headers": {"x-person": id, "x-agent": http_request.headers["x-agent"]}} if {
	http_request.method == "PUT"
	http_request.host
	http_request.path == sprintf("/people/%s?page=2", [id])
	["people", id] = input.parsed_path
	input.parsed_query.page == ["2"]
	input.parsed_body == null
}

allow := {"allowed": true, "request_headers_to_remove": ["x-secret"]} if input.parsed_path == ["secret"]

allow := {"allowed": true, "headers": {"x-a": "b"}, "response_headers_to_add": {"x-a": "c"}} if input.parsed_path == ["both"]
`)
	f := func(a answer, want int, body, header, value string) {
		t.Helper()
		if a.Code != want || a.Body != body || a.Header.Get(header) != value {
			t.Errorf("%d %q with %v, want %d %q with %s: %s", a.Code, a.Body, a.Header, want, body, header, value)
		}
	}
	original := func(uri string) []string {
		return []string{"X-Original-Method", "PUT", "X-Original-Url", "https://App.Example:443" + uri, "X-Agent", "me"}
	}
	f(s.do("GET", "/forward-auth", "", asked("PUT", "/people/7?page=2", "X-Agent", "me")...), 200, "", "X-Person", "7")
	f(s.do("GET", "/forward-auth", "", asked("PUT", "/people/7?page=3", "X-Agent", "me")...), 404, "nothing here", "X-Why", "rules")
	f(s.do("GET", "/auth-request", "", original("/people/7?page=2")...), 200, "", "X-Agent", "me")
	f(s.do("GET", "/auth-request", "", original("/people")...), 403, "", "X-Person", "")
	f(s.do("PUT", "/ext_authz/people/7?page=2", "", "X-Agent", "me"), 200, "", "X-Person", "7")
	f(s.do("PUT", "/ext_authz/people?page=2", "", "X-Agent", "me"), 404, "nothing here", "X-Why", "rules")
	// What a door cannot carry out it denies.
	f(s.do("GET", "/forward-auth", "", asked("GET", "/secret")...), 403, "", "X-Why", "")
	f(s.do("GET", "/auth-request", "", original("/secret")...), 403, "", "X-Why", "")
	f(s.do("GET", "/ext_authz/secret", ""), 200, "", "X-Envoy-Auth-Headers-To-Remove",
		"x-secret,x-postern-user,x-postern-session,x-postern-org,x-postern-role,x-postern-permissions")
	f(s.do("GET", "/forward-auth", "", asked("GET", "/both")...), 403, "", "X-A", "")
	f(s.do("GET", "/auth-request", "", original("/both")...), 403, "", "X-A", "")
	f(s.do("GET", "/ext_authz/both", ""), 403, "", "X-A", "")
}

// TestOPAEnvoy_rawHeaders: policies that read headers by name decide also where Envoy sends
// them as they are.
func TestOPAEnvoy_rawHeaders(t *testing.T) {
	text, err := os.ReadFile("../../testdata/opa_envoy/basic_roles.rego")
	if err != nil {
		t.Fatal(err)
	}
	client := authv3.NewAuthorizationClient(opaEnvoy(t, string(text)).connect())
	for credential, want := range map[string]string{"Basic YW5uYTp4": "allow", "Basic Y2FybDp4": "Forbidden policy_denied"} {
		r := envoyAsks("GET", "/books/1")
		r.Attributes.Request.Http.Headers = nil
		r.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte(credential)}}}
		if got := told(client.Check(soon(t), r)); got != want {
			t.Errorf("%s: %s, want %s", credential, got, want)
		}
	}
}
