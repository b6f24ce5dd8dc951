// Package config is what the operator said: one [Config], read from a YAML file, the
// environment and flags, checked as a whole before anything is started. Every mistake is
// reported at once, each with where it stands.
package config

import (
	"log/slog"
	"time"
)

// A Config is all that serve can be told. The first sentence of each field is its help
// text; the key of a field is its place in the file. [Load] makes one.
type Config struct {
	// HTTP is the listener of every HTTP door.
	HTTP HTTP `key:"http"`
	// GRPC is the listener of Envoy's ext_authz service.
	GRPC GRPC `key:"grpc"`
	// Admin is the listener of health, readiness, metrics, status and the inspector.
	Admin Admin `key:"admin"`

	// PublicURL is the URL under which callers reach this server, as its metadata states it.
	PublicURL string `key:"public_url"`

	// Bundles are the policy bundles: directories, .tar.gz archives, or URLs with https:// or oci://.
	Bundles Bundles `key:"bundles"`
	// Issuers are whose tokens are accepted; the word none makes every session null.
	Issuers Issuers `key:"issuers"`

	// Doors are the protocols that are answered.
	Doors Doors `key:"doors"`
	// Clients are who may use the doors that answer questions about others.
	Clients Clients `key:"clients"`

	// OPA is how the OPA door answers.
	OPA OPA `key:"opa"`

	// SignInURL is where a page request without a session is sent, with redirect_url added to its query.
	SignInURL string `key:"sign_in_url"`
	// IdentityHeaders are the headers that tell an upstream who the session is.
	IdentityHeaders IdentityHeaders `key:"identity_headers"`
	// UnavailableStatus is what proxies are told where nothing can be decided now: 403, or 503, which lets a request through where Envoy's failure_mode_allow is set.
	UnavailableStatus int `key:"unavailable_status"`
	// AuthZEN is what callers of the AuthZEN door are told.
	AuthZEN AuthZEN `key:"authzen"`
	// Entrypoints are the rules that decide; one that is empty is the bundle's choice.
	Entrypoints Entrypoints `key:"entrypoints"`

	// Policy bounds what a policy may do.
	Policy Policy `key:"policy"`
	// Limits bound what one request may cost.
	Limits Limits `key:"limits"`
	// Cache bounds what is kept between requests.
	Cache Cache `key:"cache"`

	// PersistenceDirectory is where the last good bundle of each URL is kept, for a start while its server is out of reach.
	PersistenceDirectory string `key:"persistence_directory"`
	// Shadow is a bundle that decides nothing and is compared with what does.
	Shadow Shadow `key:"shadow"`

	// DecisionLog is where decisions are logged, and how; text alone is its member to.
	DecisionLog DecisionLog `key:"decision_log"`
	// Telemetry is where traces and metrics are sent.
	Telemetry Telemetry `key:"telemetry"`
	// Log is the server's own log, on standard error.
	Log Log `key:"log"`
	// Watch is how changes of bundles, keys, certificates and clients' tokens are noticed.
	Watch Watch `key:"watch"`

	places map[string]place // where each key was set, by its path
}

// HTTP is the listener of the HTTP doors.
type HTTP struct {
	// Listen is the address of the decision doors over HTTP: host:port, or unix:///path.
	Listen Address `key:"listen"`
	// TLS is this listener's TLS.
	TLS TLS `key:"tls"`
}

// GRPC is the listener of the gRPC door.
type GRPC struct {
	// Listen is the address of Envoy's ext_authz over gRPC: host:port, or unix:///path.
	Listen Address `key:"listen"`
	// TLS is this listener's TLS.
	TLS TLS `key:"tls"`
	// Reflection lets callers list the gRPC services.
	Reflection bool `key:"reflection"`
}

// Admin is the listener for people and probes.
type Admin struct {
	// Listen is the address of health, metrics and status: host:port, or unix:///path.
	Listen Address `key:"listen"`
	// TLS is this listener's TLS.
	TLS TLS `key:"tls"`
	// PProf serves Go's profiles, which show the process from within.
	PProf bool `key:"pprof"`
}

// TLS is how a listener proves itself and whom it lets in. All members are optional, but
// Cert and Key only together.
type TLS struct {
	// Cert is the path of the certificate chain, PEM.
	Cert string `key:"cert"`
	// Key is the path of the private key, PEM.
	Key string `key:"key"`
	// ClientCA is the path of the authorities that clients' certificates need, PEM.
	ClientCA string `key:"client_ca"`
	// ClientSANs are the subject alternative names that a client needs one of.
	ClientSANs []string `key:"client_sans"`
	// MinVersion is the oldest version of TLS that is spoken: 1.3 or 1.2.
	MinVersion TLSVersion `key:"min_version"`
}

// Doors are the protocols that are answered.
type Doors struct {
	// Check is POST /v1/check, POST /v1/checks and GET /v1/session.
	Check bool `key:"check"`
	// ExtAuthz is Envoy's ext_authz, over gRPC and HTTP.
	ExtAuthz bool `key:"ext_authz"`
	// ForwardAuth is /forward-auth for Traefik, Caddy and HAProxy.
	ForwardAuth bool `key:"forward_auth"`
	// AuthRequest is /auth-request for nginx.
	AuthRequest bool `key:"auth_request"`
	// AuthZEN is /access/v1; it answers questions about others and needs clients.
	AuthZEN bool `key:"authzen"`
	// OPA is /v1/data; it answers questions about others and needs clients.
	OPA bool `key:"opa"`
}

// Clients are who may ask about others. At most one member is set.
type Clients struct {
	// TokensFile is the path of a file with the clients' bearer tokens: a name and a token a line, with spaces between them; empty lines and those that begin with # are not read.
	TokensFile string `key:"tokens_file"`
	// MTLS lets in every client with a certificate of tls.client_ca.
	MTLS bool `key:"mtls"`
	// UnixUIDs are the users, by number, that http.listen lets in, where it is a Unix socket; Linux alone knows them.
	UnixUIDs []int `key:"unix_uids"`
	// Anonymous lets in clients without credentials; only loopback may be said.
	Anonymous string `key:"anonymous"`
}

// AnonymousLoopback is what clients.anonymous can say: whoever asks from this machine.
const AnonymousLoopback = "loopback"

// IdentityHeaders are the headers that tell an upstream who the session is. Each member
// but Prefix is what follows the prefix in a header's name; one that is empty is not sent.
type IdentityHeaders struct {
	// Prefix begins the name of each of them, in lower case; it may be empty.
	Prefix Part `key:"prefix"`
	// User is the header of the user's id.
	User Part `key:"user"`
	// Session is the header of the session's id.
	Session Part `key:"session"`
	// Org is the header of the organization's id.
	Org Part `key:"org"`
	// Role is the header of the role that counts in the organization.
	Role Part `key:"role"`
	// Permissions is the header of the permissions that count, joined with commas.
	Permissions Part `key:"permissions"`
}

// AuthZEN is what callers of the AuthZEN door are told.
type AuthZEN struct {
	// Reasons are the reasons of denials, in the context of each decision.
	Reasons bool `key:"reasons"`
}

// Entrypoints are paths of rules, such as postern/check/decision. One that is empty is
// what the bundle's manifest says, else the library's own.
type Entrypoints struct {
	// Check decides the questions of apps.
	Check string `key:"check"`
	// Route decides the requests of proxies.
	Route string `key:"route"`
	// Evaluate decides AuthZEN evaluations.
	Evaluate string `key:"evaluate"`
	// Search lists for AuthZEN searches.
	Search Search `key:"search"`
}

// Search are the entrypoints of AuthZEN searches, one for each kind.
type Search struct {
	// Subject lists subjects.
	Subject string `key:"subject"`
	// Resource lists resources.
	Resource string `key:"resource"`
	// Action lists actions.
	Action string `key:"action"`
}

// Policy bounds what a policy may do.
type Policy struct {
	// Builtins are refused functions that policies may call after all.
	Builtins []string `key:"builtins"`
	// Deadline is how long an evaluation may take.
	Deadline time.Duration `key:"deadline"`
}

// Limits bound what one request may cost.
type Limits struct {
	// Token is the longest token, which must fit into Header.
	Token Size `key:"token"`
	// Header is the largest sum of a request's line and headers.
	Header Size `key:"header"`
	// Body is the largest body of a request; a message of the gRPC door may have 1 MiB more.
	Body Size `key:"body"`
	// Batch is the largest number of questions in one request.
	Batch int `key:"batch"`
	// Concurrency is the number of requests that are decided at once; one more is refused as overloaded.
	Concurrency int `key:"concurrency"`
}

// Cache bounds what is kept between requests. 0 keeps nothing.
type Cache struct {
	// Tokens is the room for verified tokens.
	Tokens Size `key:"tokens"`
	// Decisions is the room for memoised decisions.
	Decisions Size `key:"decisions"`
}

// Log is the server's own log.
type Log struct {
	// Level is the least severe level that is logged: debug, info, warn or error.
	Level slog.Level `key:"level"`
	// Format is how a line is written: json or text.
	Format LogFormat `key:"format"`
}

// Watch is how changes of bundles, keys, certificates and clients' tokens are noticed.
type Watch struct {
	// Settle is how long it must be quiet after a change before a reload.
	Settle time.Duration `key:"settle"`
	// Poll is the time between looks that no event asked for.
	Poll time.Duration `key:"poll"`
}

// Default returns the configuration where nothing is said. It is safe and not complete:
// bundles and issuers have no default.
func Default() *Config {
	return &Config{
		HTTP:              HTTP{Listen: tcp("127.0.0.1:8181"), TLS: TLS{MinVersion: TLS13}},
		GRPC:              GRPC{Listen: tcp("127.0.0.1:9191"), TLS: TLS{MinVersion: TLS13}},
		Admin:             Admin{Listen: tcp("127.0.0.1:8282"), TLS: TLS{MinVersion: TLS13}},
		Doors:             Doors{Check: true, ExtAuthz: true, ForwardAuth: true, AuthRequest: true},
		IdentityHeaders:   IdentityHeaders{Prefix: "x-postern-", User: "user", Session: "session", Org: "org", Role: "role", Permissions: "permissions"},
		UnavailableStatus: 403,
		OPA:               OPA{DefaultDecision: "system/main"},
		Policy:            Policy{Deadline: 100 * time.Millisecond},
		Limits:            Limits{Token: 8 * KiB, Header: 16 * KiB, Body: 64 * KiB, Batch: 100, Concurrency: 1024},
		Cache:             Cache{Tokens: 64 * MiB, Decisions: 64 * MiB},
		Shadow:            Shadow{Sample: 0.01, Deadline: 100 * time.Millisecond},
		DecisionLog:       defaultDecisionLog(),
		Telemetry:         Telemetry{Sample: 0.01, Interval: time.Minute},
		Log:               Log{Level: slog.LevelInfo, Format: JSON},
		Watch:             Watch{Settle: 250 * time.Millisecond, Poll: 15 * time.Second},
		places:            map[string]place{},
	}
}

// None is the word for nothing at all, where nothing must be said: no issuers, no
// decision log.
const None = "none"
