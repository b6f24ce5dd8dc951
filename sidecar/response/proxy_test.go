package response

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// usual answers with the usual names.
var usual = Proxy{Identity: identityNames, Unavailable: 403}

var ada = decision.Identity{User: "user_1", Session: "sess_1", Role: "org:admin", Permissions: []string{"org:a:read", "b,c"}}

// sent is an answer over HTTP as it goes over the wire: the status, the headers in their
// order but for the date, and the body.
func sent(answer func(*fasthttp.RequestCtx, ProxyAnswer), a ProxyAnswer) string {
	var ctx fasthttp.RequestCtx
	answer(&ctx, a)
	h := &ctx.Response.Header
	lines := []string{fmt.Sprint(ctx.Response.StatusCode())}
	for name, value := range h.All() {
		if n := string(name); n != "Content-Length" && (n != "Content-Type" || len(value) > 0) {
			lines = append(lines, n+": "+string(value))
		}
	}
	if body := ctx.Response.Body(); len(body) > 0 {
		lines = append(lines, "", string(body))
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), someID.String(), "id")
}

func TestProxy_allow(t *testing.T) {
	f := func(name string, answer func(*fasthttp.RequestCtx, ProxyAnswer), a ProxyAnswer, want ...string) {
		t.Helper()
		a.Decision = decision.Allowed()
		all := strings.Join(append([]string{"200", "Cache-Control: no-store"}, want...), "\n")
		if got := sent(answer, a); got != all {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, all)
		}
	}
	every := []string{"X-Postern-User: user_1", "X-Postern-Session: sess_1", "X-Postern-Org: ", "X-Postern-Role: org:admin", "X-Postern-Permissions: org:a:read,b%2Cc"}
	nobody := []string{"X-Postern-User: ", "X-Postern-Session: ", "X-Postern-Org: ", "X-Postern-Role: ", "X-Postern-Permissions: "}
	for name, answer := range map[string]func(*fasthttp.RequestCtx, ProxyAnswer){"forward-auth": usual.ForwardAuth, "auth-request": usual.AuthRequest} {
		f(name, answer, ProxyAnswer{Upstream: usual.Upstream(ada)}, every...)
		f(name+" of nobody", answer, ProxyAnswer{ID: someID}, append([]string{"X-Decision-Id: id"}, nobody...)...)
		f(name+" with edits", answer, ProxyAnswer{Edits: decision.Edits{
			Headers:         []decision.Pair{{Name: "x-a", Value: "1"}, {Name: "x-a", Value: "2"}},
			ResponseHeaders: []decision.Pair{{Name: "x-client", Value: "a=b"}},
			Body:            "ignored", Status: 302,
		}}, append(nobody, "X-A: 1,2", "X-Client: a=b")...)
	}
	f("ext_authz", usual.ExtAuthz, ProxyAnswer{Upstream: usual.Upstream(ada), Edits: decision.Edits{
		Headers:       []decision.Pair{{Name: "x-a", Value: "1"}, {Name: "x-b"}, {Name: "x-c"}, {Name: "x-c", Value: "3"}},
		RemoveHeaders: []string{"x-d"},
	}}, "X-Postern-User: user_1", "X-Postern-Session: sess_1", "X-Postern-Role: org:admin", "X-Postern-Permissions: org:a:read,b%2Cc",
		"X-A: 1", "X-C: 3", "X-Envoy-Auth-Headers-To-Remove: x-d,x-postern-org,x-b")
	f("ext_authz of nobody", usual.ExtAuthz, ProxyAnswer{}, "X-Envoy-Auth-Headers-To-Remove: x-postern-user,x-postern-session,x-postern-org,x-postern-role,x-postern-permissions")
	f("ext_authz without identity headers", Proxy{}.ExtAuthz, ProxyAnswer{Upstream: Proxy{}.Upstream(ada)})
}

// TestProxy_deny: every door's denial of everything, with what a route and a policy want.
func TestProxy_deny(t *testing.T) {
	f := func(name string, p Proxy, a ProxyAnswer, forwardAuth, extAuthz, authRequest string) {
		t.Helper()
		a.Upstream = usual.Upstream(ada) // which no denial shows
		for door, answer := range map[string]struct {
			write func(*fasthttp.RequestCtx, ProxyAnswer)
			want  string
		}{"forward-auth": {p.ForwardAuth, forwardAuth}, "ext_authz": {p.ExtAuthz, extAuthz}, "auth-request": {p.AuthRequest, authRequest}} {
			got := strings.Replace(sent(answer.write, a), "\nCache-Control: no-store", "", 1)
			if got = strings.ReplaceAll(got, "\n", "|"); got != answer.want {
				t.Errorf("%s at %s: %s, want %s", name, door, got, answer.want)
			}
		}
	}
	all := func(name string, a ProxyAnswer, want, nginx string) { t.Helper(); f(name, usual, a, want, want, nginx) }
	because := func(codes ...decision.Code) decision.Decision {
		var reasons []decision.Reason
		for _, c := range codes {
			reasons = append(reasons, decision.Reason{Code: c, Message: "secret"})
		}
		return decision.Denied(reasons...)
	}
	const bad = `401|Www-Authenticate: Bearer error="invalid_token"`
	all("the zero value", ProxyAnswer{}, "403", "403")
	all("no token", ProxyAnswer{Decision: because(decision.TokenMissing)}, "401|Www-Authenticate: Bearer", "401|Www-Authenticate: Bearer")
	all("a bad token", ProxyAnswer{Decision: because(decision.TokenExpired, decision.RoleRequired)}, bad, bad)
	all("a path", ProxyAnswer{Decision: because(decision.PathAmbiguous, decision.TokenMissing)}, "400", "403")
	all("a role", ProxyAnswer{ID: someID, Decision: because(decision.RoleRequired)}, "403|X-Decision-Id: id", "403|X-Decision-Id: id")
	all("overload", ProxyAnswer{Decision: because(decision.Overloaded)}, "403", "403")
	f("overload, told so", Proxy{Unavailable: 503}, ProxyAnswer{Decision: because(decision.Overloaded)}, "503", "503", "403")
	f("overload, not said", Proxy{}, ProxyAnswer{Decision: because(decision.Overloaded)}, "403", "403", "403")

	const in = "https://in.example/?redirect_url=x"
	all("sign in", ProxyAnswer{Decision: because(decision.TokenMissing), SignIn: in}, "302|Location: "+in, "401|Location: "+in+"|Www-Authenticate: Bearer")
	all("sign in again", ProxyAnswer{Decision: because(decision.SessionPending), SignIn: in}, "302|Location: "+in, "401|Location: "+in+"|Www-Authenticate: Bearer error=\"invalid_token\"")
	all("signed in", ProxyAnswer{Decision: because(decision.RoleRequired), SignIn: in}, "403", "403")
	all("sign in with a bad path", ProxyAnswer{Decision: because(decision.PathAmbiguous), SignIn: in}, "400", "403")

	all("a route's status", ProxyAnswer{Decision: because(decision.RoleRequired), Deny: Deny{Status: 404}}, "404", "403")
	all("a route's redirect", ProxyAnswer{Decision: because(decision.RoleRequired), Deny: Deny{Redirect: "/up"}}, "302|Location: /up", "403|Location: /up")
	all("a route's status without a session", ProxyAnswer{Decision: because(decision.TokenMissing), Deny: Deny{Status: 404}}, "401|Www-Authenticate: Bearer", "401|Www-Authenticate: Bearer")

	policy := func(status int, body string, headers ...decision.Pair) ProxyAnswer {
		return ProxyAnswer{Decision: because(decision.PolicyDenied), Edits: decision.Edits{
			Status: status, Body: body, Headers: headers, ResponseHeaders: []decision.Pair{{Name: "x-lost", Value: "1"}},
		}, Deny: Deny{Status: 404}}
	}
	all("a policy's status", policy(429, ""), "429", "403")
	all("a policy's 401", policy(401, ""), "401|Www-Authenticate: Bearer", "401|Www-Authenticate: Bearer")
	all("a policy's 401 and challenge", policy(401, "", decision.Pair{Name: "www-authenticate", Value: "Basic"}), "401|Www-Authenticate: Basic", "401|Www-Authenticate: Basic")
	all("a policy's redirect", policy(302, "", decision.Pair{Name: "location", Value: "/up"}), "302|Location: /up", "403|Location: /up")
	all("a policy's body", policy(0, "no"), "404|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff||no", "403")
	all("a policy's typed body", policy(402, "{}", decision.Pair{Name: "content-type", Value: "application/json"}), "402|Content-Type: application/json||{}", "403|Content-Type: application/json")
	for _, status := range []int{-1, 1, 100, 101, 103, 200, 201, 204, 299, 600, 999} {
		all(fmt.Sprintf("a policy's %d", status), policy(status, ""), "403", "403")
	}
	f("a policy's 500", usual, policy(500, ""), "500", "403", "403")
	f("a policy's 503", usual, policy(503, ""), "503", "403", "403")
	f("a policy's cache control", usual, policy(404, "", decision.Pair{Name: "cache-control", Value: "max-age=9"}), "404", "404", "403")
	f("a policy's empty header", usual, policy(404, "", decision.Pair{Name: "x-a"}), "404", "404", "403")
}

func TestBare(t *testing.T) {
	var ctx fasthttp.RequestCtx
	Bare(&ctx, someID, http.StatusRequestHeaderFieldsTooLarge)
	if h := &ctx.Response.Header; ctx.Response.StatusCode() != 431 || len(ctx.Response.Body()) > 0 || len(h.ContentType()) > 0 || string(h.Peek("Cache-Control")) != "no-store" || string(h.Peek("X-Decision-Id")) != someID.String() {
		t.Errorf("Bare: %s", &ctx.Response)
	}
}
