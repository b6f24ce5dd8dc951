package failmode

import "postern/sidecar/decision"

func credentials() []Row {
	return []Row{
		{Name: "token_missing", Event: "No session token came with the request", Reason: decision.TokenMissing, Answers: denied(401, 401)},
		{Name: "token_bad", Event: "The token is expired, forged or not for here", Reason: decision.TokenExpired, Answers: denied(401, 401)},
		{Name: "credentials_ambiguous", Event: "Two tokens came that differ", Reason: decision.CredentialsAmbiguous, Answers: denied(401, 401).at(Answer{})},
		{Name: "session_revoked", Event: "The user, session or organization is revoked", Reason: decision.SessionRevoked, Answers: denied(401, 401)},
		{Name: "client_unknown", Event: "Who asks is none of the clients", Answers: Answers{AuthZEN: Answer{HTTP: 401}}},
		{Name: "role_required", Event: "The session may not", Reason: decision.RoleRequired, Answers: denied(403, 403)},
	}
}

func requests() []Row {
	refused := func(status int) Answers { // before any door has seen the request
		p := Answer{HTTP: status}
		return Answers{Check: p, EnvoyGRPC: Answer{HTTP: 400}, EnvoyHTTP: p, ForwardAuth: p, AuthRequest: Answer{HTTP: 403}, AuthZEN: p}
	}
	body := refused(413)
	body.ForwardAuth, body.AuthRequest = Answer{}, Answer{} // which read none
	return []Row{
		{Name: "route_unlisted", Event: "The model has no route for the request", Reason: decision.RouteUnlisted, Answers: proxied(403, 403)},
		{Name: "path_ambiguous", Event: "The path can be read in two ways", Reason: decision.PathAmbiguous, Answers: proxied(400, 403)},
		{Name: "request_malformed", Event: "The question or the proxy's description of the request cannot be read", Reason: decision.RequestMalformed, Answers: refused(400)},
		{Name: "message_unreadable", Event: "The gRPC message cannot be read", Reason: decision.RequestMalformed, Answers: Answers{EnvoyGRPC: Answer{HTTP: 400}}},
		{Name: "header_long", Event: "There are too many headers, or too long ones", Reason: decision.RequestMalformed, Answers: refused(431)},
		{Name: "body_long", Event: "The body is longer than limits.body", Reason: decision.RequestMalformed, Answers: body},
		{Name: "request_slow", Event: "The request does not arrive in 5 seconds", Reason: decision.RequestMalformed, Answers: refused(408)},
		{Name: "identity_twin", Event: "The request has a header that some upstreams take for an identity header", Reason: decision.RequestMalformed, Answers: proxied(400, 403)},
	}
}

func policies() []Row {
	edits := proxied(403, 403)
	edits.EnvoyGRPC = Answer{HTTP: 200}
	return []Row{
		{Name: "policy_undefined", Event: "The policy says nothing", Reason: decision.PolicyUndefined, Answers: denied(403, 403)},
		{Name: "policy_error", Event: "The policy fails", Reason: decision.PolicyError, Answers: denied(403, 403)},
		{Name: "policy_shape", Event: "The policy's result is no decision", Reason: decision.PolicyError, Answers: denied(403, 403)},
		{Name: "policy_timeout", Event: "The policy takes longer than policy.deadline", Reason: decision.PolicyTimeout, Answers: denied(403, 403)},
		{Name: "policy_edits", Event: "The policy wants the query changed, which only gRPC carries", Reason: decision.PolicyError, Answers: edits},
		{Name: "identity_long", Event: "The identity headers would have more than 16 KiB", Reason: decision.PolicyError, Answers: proxied(403, 403)},
	}
}

func trouble() []Row {
	unlogged := unavailable()
	unlogged.Check, unlogged.AuthZEN = Answer{}, Answer{} // which no route governs
	return []Row{
		{Name: "bundle_missing", Event: "No bundle has been loaded yet", Reason: decision.NotReady, Answers: unavailable()},
		{Name: "keys_missing", Event: "No keys of the token's issuer have been loaded yet", Reason: decision.NotReady, Answers: unavailable()},
		{Name: "overloaded", Event: "More requests at once than limits.concurrency", Reason: decision.Overloaded, Answers: unavailable()},
		{Name: "log_failing", Event: "The decision log cannot be written, and decision_log.required, or the route, demands it", Reason: decision.Overloaded, Answers: unavailable()},
		{Name: "log_missing", Event: "The route says logged: required, and there is no decision log", Reason: decision.NotReady, Answers: unlogged},
		{Name: "panic", Event: "Postern panics", Reason: decision.PolicyError, Answers: denied(403, 403).at(Answer{HTTP: 500})},
		{Name: "bundle_broken", Event: "A new bundle is bad: the old one goes on", Answers: allowed()},
		{Name: "keys_broken", Event: "A new key set is bad: the old one goes on", Answers: allowed()},
	}
}

// outside are the rows of which Postern sees nothing. The statuses of proxies are those of
// the configurations in testdata/proxies.
func outside() []Row {
	return []Row{
		{Name: "stopped", Event: "Postern is not there", Proxies: map[string]int{Envoy: 403, Nginx: 500, Traefik: 500, Caddy: 502, HAProxy: 503}},
		{Name: "slow", Event: "Postern does not answer in the proxy's time", Proxies: map[string]int{Envoy: 403, Nginx: 500, Traefik: 500, Caddy: 504, HAProxy: 503}},
	}
}
