// Package failmode is the table of what happens when something is wrong: with a request,
// with a policy, with Postern or around it. Every row is held by a test that brings it
// about, at every door.
package failmode

import "postern/sidecar/decision"

// A Row is one thing that goes wrong, and what is answered then.
type Row struct {
	// Name tells the row from others.
	Name string `json:"name"`
	// Event says what happens.
	Event string `json:"event"`
	// Reason is the code of the denial; empty where nothing is denied, or by no decision.
	Reason  decision.Code `json:"reason,omitzero"`
	Answers Answers       `json:"answers,omitzero"`
	// Proxies are the statuses that a proxy itself answers with, by its name, where Postern
	// does not answer. Only the tests of proxies can hold them.
	Proxies map[string]int `json:"proxies,omitzero"`
}

// Answers are the doors' answers. The zero Answer is that of a door that the event cannot
// happen to.
type Answers struct {
	Check       Answer `json:"check,omitzero"`
	EnvoyGRPC   Answer `json:"envoy_grpc,omitzero"`
	EnvoyHTTP   Answer `json:"envoy_http,omitzero"`
	ForwardAuth Answer `json:"forward_auth,omitzero"`
	AuthRequest Answer `json:"auth_request,omitzero"`
	AuthZEN     Answer `json:"authzen,omitzero"`
}

// An Answer is what one door says.
type Answer struct {
	// HTTP is the status of the answer. Over gRPC it is the status of denied_response, or 200
	// for an allow: the call itself always succeeds.
	HTTP int `json:"http"`
	// Decision is the status in the decision, where an app is answered with one.
	Decision int `json:"status,omitzero"`
	// Verdict is AuthZEN's decision, true or false, where it is answered with one.
	Verdict string `json:"decision,omitzero"`
	// Unavailable is the status instead of HTTP where unavailable_status is 503.
	Unavailable int `json:"unavailable,omitzero"`
}

// The names of the proxies in Row.Proxies.
const (
	Envoy   = "envoy"
	Nginx   = "nginx"
	Traefik = "traefik"
	Caddy   = "caddy"
	HAProxy = "haproxy"
)

// Rows returns the table.
func Rows() []Row {
	var all []Row
	for _, section := range [][]Row{credentials(), requests(), policies(), trouble(), outside()} {
		all = append(all, section...)
	}
	return all
}

// denied is a decision that every door hears of, with one status where proxies ask over
// Envoy's protocols or forward-auth and another at nginx.
func denied(status, nginx int) Answers {
	a := proxied(status, nginx)
	a.Check = Answer{HTTP: 200, Decision: status}
	a.AuthZEN = Answer{HTTP: 200, Verdict: "false"}
	return a
}

// at is the same answers with another one at AuthZEN's door.
func (a Answers) at(authzen Answer) Answers {
	a.AuthZEN = authzen
	return a
}

// proxied is denied where only proxies ask.
func proxied(status, nginx int) Answers {
	p := Answer{HTTP: status}
	return Answers{EnvoyGRPC: p, EnvoyHTTP: p, ForwardAuth: p, AuthRequest: Answer{HTTP: nginx}}
}

// unavailable is the answer of a Postern that cannot decide now.
func unavailable() Answers {
	p := Answer{HTTP: 403, Unavailable: 503}
	return Answers{Check: Answer{HTTP: 200, Decision: 503}, EnvoyGRPC: p, EnvoyHTTP: p, ForwardAuth: p, AuthRequest: Answer{HTTP: 403}, AuthZEN: Answer{HTTP: 503}}
}

// allowed is the answer of a Postern that goes on as before.
func allowed() Answers {
	p := Answer{HTTP: 200}
	return Answers{Check: Answer{HTTP: 200, Decision: 200}, EnvoyGRPC: p, EnvoyHTTP: p, ForwardAuth: p, AuthRequest: p, AuthZEN: Answer{HTTP: 200, Verdict: "true"}}
}
