package policy_test

import (
	"reflect"
	"strconv"
	"testing"

	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// deciding is a bundle whose route entrypoint is rules of its own, and more files.
func deciding(t testing.TB, rules string, more ...string) *policy.Policy {
	t.Helper()
	return compiled(t, load(t, append([]string{
		".manifest", `{"metadata": {"postern": {"entrypoints": {"route": "acme/allow"}}}}`,
		"acme.rego", "package acme\n" + rules,
	}, more...)...))
}

// code is allow, or the code of the first reason.
func code(d decision.Decision) string {
	if d.Allow {
		return "allow"
	}
	return string(d.Reasons[0].Code)
}

func TestRoute_edits(t *testing.T) {
	f := func(result, want string, edits decision.Edits) {
		t.Helper()
		routed, err := deciding(t, "allow := "+result).Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/"))
		if got := code(routed.Decision); got != want || !reflect.DeepEqual(routed.Edits, edits) || (err != nil) != (want == "policy_error") {
			t.Errorf("%s: %s with %+v, %v; want %s with %+v", result, got, routed.Edits, err, want, edits)
		}
	}
	none := decision.Edits{}
	f("true", "allow", none)
	f("false", "policy_denied", none)
	f(`{"allow": true, "reasons": []}`, "allow", none)
	f(`{"allow": false, "reasons": [{"code": "plan_required"}]}`, "plan_required", none)
	f(`{"allow": true, "reasons": [], "headers": {}}`, "policy_error", none)
	f(`{"allowed": true}`, "allow", none)
	f(`{"allowed": false}`, "policy_denied", none)
	f(`{"allowed": true, "allow": true, "reasons": []}`, "policy_error", none)
	f(`{"allowed": true, "allow": false}`, "policy_error", none)
	f(`{"Allowed": true}`, "policy_error", none)
	f(`{"allowed": true, "more": 1}`, "allow", none)
	f(`{"allowed": true, "headers": {"b": ["2", "1"], "A": "0"}}`, "allow", decision.Edits{Headers: []decision.Pair{{Name: "A", Value: "0"}, {Name: "b", Value: "2"}, {Name: "b", Value: "1"}}})
	f(`{"allowed": true, "headers": [{"b": "1"}, {"a": "2"}]}`, "allow", decision.Edits{Headers: []decision.Pair{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}}})
	f(`{"allowed": false, "headers": {"a": "0"}, "body": "b", "http_status": 404}`, "policy_denied", decision.Edits{Headers: []decision.Pair{{Name: "a", Value: "0"}}, Body: "b", Status: 404})
	f(`{"allowed": true, "body": 1, "http_status": "x"}`, "allow", none)
	f(`{"allowed": false, "query_parameters_to_set": 1, "response_headers_to_add": 2, "request_headers_to_remove": 3, "query_parameters_to_remove": 4}`, "policy_denied", none)
	f(`{"allowed": true, "query_parameters_to_remove": ["a b"], "request_headers_to_remove": {"x"}}`, "allow", decision.Edits{RemoveQuery: []string{"a b"}, RemoveHeaders: []string{"x"}})
	f(`{"allowed": true, "query_parameters_to_set": {"a": "%20=?"}}`, "allow", decision.Edits{SetQuery: []decision.Pair{{Name: "a", Value: "%20=?"}}})
	f(`{"allowed": true, "dynamic_metadata": {"n": 1, "l": [null, {"x": 0.5}]}}`, "allow", decision.Edits{Metadata: map[string]any{"n": 1.0, "l": []any{nil, map[string]any{"x": 0.5}}}})
	f(`{"allowed": true, "dynamic_metadata": {"n": 1e999}}`, "policy_error", none)
}

// TestRoute_editsStatus: a denial may have every status that Envoy knows, and no other.
func TestRoute_editsStatus(t *testing.T) {
	p := deciding(t, `allow := {"allowed": false, "http_status": to_number(substring(input.request.path, 1, -1))}`)
	for status := range 1000 {
		_, known := typev3.StatusCode_name[int32(status)]
		known = known && status != 0
		routed, _ := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/"+strconv.Itoa(status)))
		if got := routed.Edits.Status == status && code(routed.Decision) == "policy_denied"; got != known {
			t.Errorf("http_status %d: %s with %d, want it taken: %v", status, code(routed.Decision), routed.Edits.Status, known)
		}
	}
}

// TestRoute_editsNarrowed: what a denial of the extension takes back, it takes back whole.
func TestRoute_editsNarrowed(t *testing.T) {
	p := deciding(t, `allow := {"allowed": true, "headers": {"a": "b"}}`,
		"extend.rego", "package postern.extend\n"+`deny contains "closed" if startswith(input.request.path, "/closed")`)
	routed, err := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/open"))
	if err != nil || !routed.Allow || len(routed.Edits.Headers) != 1 {
		t.Errorf("/open: %+v, %v", routed, err)
	}
	routed, err = p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/closed"))
	if err != nil || routed.Allow || !reflect.DeepEqual(routed.Edits, decision.Edits{}) {
		t.Errorf("/closed: %+v, %v", routed, err)
	}
}

// TestCheck_edits: apps have nothing to edit, and an entrypoint of theirs that asks for it
// is in the wrong place.
func TestCheck_edits(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"metadata": {"postern": {"entrypoints": {"check": "acme/allow"}}}}`, "acme.rego", "package acme\n"+`allow := {"allowed": true}`))
	if d, err := decide(t, p, policy.Input{Now: now}, ask(t, `{"role":"admin"}`)); code(d) != "policy_error" || err == nil {
		t.Errorf("Check = %+v, %v, want policy_error", d, err)
	}
}

// TestRoute_builtinErrors: a bundle's own route entrypoint goes on after the error of a
// built-in, as it does in OPA; everything else denies.
func TestRoute_builtinErrors(t *testing.T) {
	const rules = "default allow := false\nallow if to_number(input.request.headers.n) == 1\nallow if input.request.path == \"/open\""
	extend := []string{"extend.rego", "package postern.extend\n" + `deny contains "odd" if to_number(input.request.headers.n) == 3`}
	f := func(p *policy.Policy, path, n, want string) {
		t.Helper()
		routed, _ := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", path).WithField("n", n))
		if got := code(routed.Decision); got != want {
			t.Errorf("%s with %q: %s, want %s", path, n, got, want)
		}
	}
	p := deciding(t, rules)
	f(p, "/", "1", "allow")
	f(p, "/", "x", "policy_denied")
	f(p, "/open", "x", "allow")
	p = deciding(t, rules, extend...)
	f(p, "/open", "2", "allow")
	f(p, "/open", "3", "policy_denied")
	f(p, "/open", "x", "policy_error")
	p = compiled(t, load(t, append([]string{"model/data.yaml", `routes: [{match: "/", public: true}]`}, extend...)...))
	f(p, "/", "2", "allow")
	f(p, "/", "x", "policy_error")
	check := compiled(t, load(t, ".manifest", `{"metadata": {"postern": {"entrypoints": {"check": "acme/allow"}}}}`, "acme.rego", "package acme\ndefault allow := false\nallow if to_number(input.context.n) == 1\nallow if true"))
	if d, _ := decide(t, check, policy.Input{Now: now}, ask(t, `{"role":"a","context":{"n":"x"}}`)); code(d) != "policy_error" {
		t.Errorf("Check = %+v, want policy_error", d)
	}
}
