package response

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"postern/sidecar/decision"
)

// told is a CheckResponse in one line. A header that is set stands with =, one that joins
// others with +=.
func told(t *testing.T, r *authv3.CheckResponse) string {
	t.Helper()
	if _, err := proto.Marshal(r); err != nil {
		t.Errorf("the answer cannot be sent: %v", err)
	}
	parts := []string{fmt.Sprint(r.GetStatus().GetCode())}
	headers := func(prefix string, all []*corev3.HeaderValueOption, older bool) {
		for _, o := range all {
			sign := map[corev3.HeaderValueOption_HeaderAppendAction]string{
				corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD: "=", corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD: "+=",
			}[o.GetAppendAction()]
			// The older member is for headers that join others on their way to an upstream alone.
			set := o.GetAppend() //nolint:staticcheck // Envoy reads it
			if o.GetHeader().GetValue() == "" || sign == "" || (set != nil) != (older && sign == "+=") || set != nil && !set.GetValue() {
				t.Errorf("header %v", o)
			}
			parts = append(parts, prefix+o.GetHeader().GetKey()+sign+o.GetHeader().GetValue())
		}
	}
	if ok := r.GetOkResponse(); ok != nil {
		headers("", ok.GetHeaders(), true)
		for _, name := range ok.GetHeadersToRemove() {
			parts = append(parts, "-"+name)
		}
		headers("client ", ok.GetResponseHeadersToAdd(), false)
		for _, q := range ok.GetQueryParametersToSet() {
			parts = append(parts, "?"+q.GetKey()+"="+q.GetValue())
		}
		for _, name := range ok.GetQueryParametersToRemove() {
			parts = append(parts, "-?"+name)
		}
	} else {
		parts = append(parts, fmt.Sprint(int(r.GetDeniedResponse().GetStatus().GetCode())))
		headers("", r.GetDeniedResponse().GetHeaders(), false)
		if body := r.GetDeniedResponse().GetBody(); body != "" {
			parts = append(parts, "body "+body)
		}
	}
	for _, name := range []string{"decision_id", "reasons", "own"} {
		if v := r.GetDynamicMetadata().GetFields()[name]; v != nil {
			parts = append(parts, fmt.Sprintf("%s:%v", name, v.AsInterface()))
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "|"), someID.String(), "id")
}

func TestProxy_Check(t *testing.T) {
	f := func(name string, a ProxyAnswer, want string) {
		t.Helper()
		a.ID = someID
		if got := told(t, usual.Check(a)); got != want+"|decision_id:id" && !strings.HasPrefix(got, want+"|decision_id:id|") {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
		// What is prepared once says the same.
		encoded, err := usual.AppendCheck([]byte("before"), a)
		var again authv3.CheckResponse
		if err != nil || !bytes.HasPrefix(encoded, []byte("before")) || proto.Unmarshal(encoded[6:], &again) != nil || !proto.Equal(&again, usual.Check(a)) {
			t.Errorf("%s: encoded it is %v, %v\nwant %v", name, &again, err, usual.Check(a))
		}
	}
	allow := func(i decision.Identity, e decision.Edits) ProxyAnswer {
		return ProxyAnswer{Decision: decision.Allowed(), Upstream: usual.Upstream(i), Edits: e, Deny: Deny{Status: 404}, SignIn: "x"}
	}
	f("an allow", allow(ada, decision.Edits{}),
		"0|x-postern-user=user_1|x-postern-session=sess_1|x-postern-role=org:admin|x-postern-permissions=org:a:read,b%2Cc|-x-postern-org")
	f("of nobody", allow(decision.Identity{}, decision.Edits{}), "0|-x-postern-user|-x-postern-session|-x-postern-org|-x-postern-role|-x-postern-permissions")
	none := "|-x-postern-user|-x-postern-session|-x-postern-org|-x-postern-role|-x-postern-permissions"
	f("with edits", allow(decision.Identity{}, decision.Edits{
		Headers:         []decision.Pair{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}, {Name: "x-b"}, {Name: "x-c", Value: "3"}, {Name: "x-c"}},
		ResponseHeaders: []decision.Pair{{Name: "set-cookie", Value: "a=b"}, {Name: "set-cookie", Value: "c=d"}},
		RemoveHeaders:   []string{"x-d"},
		SetQuery:        []decision.Pair{{Name: "q", Value: "1"}},
		RemoveQuery:     []string{"p"},
		Body:            "ignored", Status: 418,
	}), "0|x-a=1|x-a+=2|x-c=3|-x-d"+none+"|-x-b|client set-cookie+=a=b|client set-cookie+=c=d|?q=1|-?p")

	const always = "|cache-control=no-store|x-decision-id=id"
	deny := func(code decision.Code) ProxyAnswer {
		return ProxyAnswer{Decision: decision.Because(code, "secret"), Upstream: usual.Upstream(ada)}
	}
	f("the zero value", ProxyAnswer{}, "7|403"+always)
	f("no token", deny(decision.TokenMissing), "16|401|www-authenticate=Bearer"+always)
	f("a bad token", deny(decision.TokenSignature), `16|401|www-authenticate=Bearer error="invalid_token"`+always)
	f("a path", deny(decision.PathAmbiguous), "7|400"+always)
	f("overload", deny(decision.Overloaded), "7|403"+always)
	with := func(a ProxyAnswer, change func(*ProxyAnswer)) ProxyAnswer { change(&a); return a }
	f("sign in", with(deny(decision.TokenMissing), func(a *ProxyAnswer) { a.SignIn = "https://in.example" }), "7|302|location=https://in.example"+always)
	f("a route's status", with(deny(decision.RoleRequired), func(a *ProxyAnswer) { a.Deny.Status = 404 }), "7|404"+always)
	policy := func(status int, body string, headers ...decision.Pair) ProxyAnswer {
		return with(deny(decision.PolicyDenied), func(a *ProxyAnswer) {
			a.Edits = decision.Edits{Status: status, Body: body, Headers: headers, RemoveHeaders: []string{"x-d"}, RemoveQuery: []string{"p"}}
		})
	}
	f("a policy's status", policy(429, ""), "7|429"+always)
	f("a policy's 200", policy(200, ""), "7|200"+always) // the code denies
	f("a policy's 503", policy(503, ""), "7|503"+always)
	f("a policy's 401", policy(401, ""), "16|401|www-authenticate=Bearer"+always)
	f("a policy's body", policy(0, "no", decision.Pair{Name: "X-A", Value: "1"}, decision.Pair{Name: "x-a", Value: "2"}),
		"7|403|x-a=1|x-a+=2"+always+"|content-type=text/plain; charset=utf-8|x-content-type-options=nosniff|body no")
	for _, status := range []int{-1, 100, 299, 418, 600} { // not Envoy's, or not final
		f(fmt.Sprintf("a policy's %d", status), policy(status, ""), "7|403"+always)
	}
}

// TestProxy_Check_unavailable: 503 is a denial still, and no error of the call.
func TestProxy_Check_unavailable(t *testing.T) {
	p := Proxy{Unavailable: 503}
	if got := told(t, p.Check(ProxyAnswer{Decision: decision.Because(decision.NotReady, "")})); !strings.HasPrefix(got, "7|503|") {
		t.Errorf("not ready: %s, want code 7 and 503", got)
	}
}

func TestProxy_Check_metadata(t *testing.T) {
	f := func(a ProxyAnswer, want string) {
		t.Helper()
		if got := told(t, usual.Check(a)); !strings.HasSuffix(got, want) {
			t.Errorf("%s, want %s at its end", got, want)
		}
	}
	own := decision.Edits{Metadata: map[string]any{"own": map[string]any{"a": 1.5}, "decision_id": "forged", "reasons": "forged"}}
	f(ProxyAnswer{ID: someID, Decision: decision.Allowed(), Edits: own}, "|decision_id:id|reasons:forged|own:map[a:1.5]")
	f(ProxyAnswer{ID: someID, Decision: decision.Because(decision.RoleRequired, ""), Edits: own}, "|decision_id:id|reasons:[role_required]|own:map[a:1.5]")
	own.Metadata["bad"] = "\xff"
	f(ProxyAnswer{ID: someID, Decision: decision.Because(decision.RoleRequired, ""), Edits: own}, "|decision_id:id|reasons:[role_required]")
	if own.Metadata["decision_id"] != "forged" {
		t.Error("Check changed the policy's metadata")
	}
}
