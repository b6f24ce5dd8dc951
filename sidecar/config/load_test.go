package config

import (
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every key that this build supports, each unlike its default.
const fullFile = `
http:
  listen: "127.0.0.1:8001"
  tls: {cert: cert.pem, key: key.pem, client_ca: ca.pem, client_sans: ["spiffe://a/b", c], min_version: 1.2}
grpc:
  listen: unix:///run/postern/grpc.sock
  reflection: true
admin: {listen: "[::1]:8003", pprof: true}
public_url: https://pdp.example.com/postern
bundles:
- path: bundles/demo
- path: extra.tar.gz
issuers:
- issuer: https://clerk.example.com
  jwks: https://clerk.example.com/.well-known/jwks.json
  authorized_parties: ["https://app.example.com", "http://localhost:3000"]
  audience: api
  algorithms: [RS256, ES256]
  claims: oidc
  cookie: __session_abc
  clock_skew: 10s
  treat_pending_as_signed_out: false
- issuer: other
  public_key: key.pem
  authorized_parties: any
  audience: [a, b]
  claims:
    user_id: /sub
    session_id: /sid
    status: /s
    org: {id: /o/id, slug: /o/slug, role: /o/role, permissions: /o/permissions}
    features: {org: /f/0, user: /f/1}
    plans: {org: /p/org, user: "/p/us~1er"}
    metadata: /m
    actor: /act
    factor_age: /fva
doors: {check: false, ext_authz: true, forward_auth: false, auth_request: true, authzen: false, opa: false}
clients: {mtls: true}
opa: {default_decision: app/main, readable: [model], session: true}
sign_in_url: https://accounts.example.com/sign-in?theme=dark
identity_headers: {prefix: "", user: remote-user, session: "", org: remote-org, role: remote-role, permissions: remote-groups}
unavailable_status: 503
entrypoints: {check: mine/check/decision}
policy: {builtins: [time.now_ns], deadline: 50ms}
limits: {token: 4KiB, header: 32KiB, body: 100000, batch: 10, concurrency: 16}
cache: {tokens: 0, decisions: 1GiB}
decision_log: stdout
log: {level: debug, format: text}
watch: {settle: 1s, poll: 1m30s}
`

func TestLoad_everyKey(t *testing.T) {
	got := mustLoad(t, fullFile, nil, nil)
	got.places = nil
	want := &Config{
		HTTP:      HTTP{Listen: Address{"tcp", "127.0.0.1:8001"}, TLS: TLS{"cert.pem", "key.pem", "ca.pem", []string{"spiffe://a/b", "c"}, TLS12}},
		GRPC:      GRPC{Listen: Address{"unix", "/run/postern/grpc.sock"}, TLS: TLS{MinVersion: TLS13}, Reflection: true},
		Admin:     Admin{Listen: Address{"tcp", "[::1]:8003"}, TLS: TLS{MinVersion: TLS13}, PProf: true},
		PublicURL: "https://pdp.example.com/postern",
		Bundles:   Bundles{pathOf("bundles/demo"), pathOf("extra.tar.gz")},
		Issuers: Issuers{List: []Issuer{{
			Issuer: "https://clerk.example.com", JWKS: "https://clerk.example.com/.well-known/jwks.json",
			AuthorizedParties: Parties{Origins: []string{"https://app.example.com", "http://localhost:3000"}},
			Audience:          Names{"api"}, Algorithms: []string{"RS256", "ES256"}, Claims: Claims{Profile: ClaimsOIDC},
			Cookie: "__session_abc", ClockSkew: 10 * time.Second,
		}, {
			Issuer: "other", PublicKey: "key.pem", AuthorizedParties: Parties{Any: true},
			Audience: Names{"a", "b"}, Algorithms: []string{"RS256"},
			Claims: Claims{Profile: ClaimsMapping, Mapping: Mapping{
				UserID: "/sub", SessionID: "/sid", Status: "/s",
				Org:      OrgMapping{"/o/id", "/o/slug", "/o/role", "/o/permissions"},
				Features: ScopedMapping{"/f/0", "/f/1"}, Plans: ScopedMapping{"/p/org", "/p/us~1er"},
				Metadata: "/m", Actor: "/act", FactorAge: "/fva",
			}},
			Cookie: "__session", ClockSkew: 5 * time.Second, TreatPendingAsSignedOut: true,
		}}},
		Doors:             Doors{ExtAuthz: true, AuthRequest: true},
		Clients:           Clients{MTLS: true},
		OPA:               OPA{DefaultDecision: "app/main", Readable: []string{"model"}, Session: true},
		SignInURL:         "https://accounts.example.com/sign-in?theme=dark",
		IdentityHeaders:   IdentityHeaders{User: "remote-user", Org: "remote-org", Role: "remote-role", Permissions: "remote-groups"},
		UnavailableStatus: 503,
		Entrypoints:       Entrypoints{Check: "mine/check/decision"},
		Policy:            Policy{Builtins: []string{"time.now_ns"}, Deadline: 50 * time.Millisecond},
		Limits:            Limits{Token: 4096, Header: 32768, Body: 100000, Batch: 10, Concurrency: 16},
		Cache:             Cache{Tokens: 0, Decisions: 1 << 30},
		Shadow:            Default().Shadow,
		DecisionLog:       logTo("stdout"),
		Telemetry:         Default().Telemetry,
		Log:               Log{Level: slog.LevelDebug, Format: Text},
		Watch:             Watch{Settle: time.Second, Poll: 90 * time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("Load = %+v\nwant %+v", got, want)
	}
	if !got.Issuers.List[0].Remote() || got.Issuers.List[1].Remote() {
		t.Fatal("Remote: want the first issuer's keys from a URL, the second's not")
	}
}

func TestLoad_precedence(t *testing.T) {
	file := minimalFile + "http: {listen: '127.0.0.1:1'}\nlog: {level: warn}\n"
	f := func(file string, environ, args []string, want string) {
		t.Helper()
		c := mustLoad(t, file, environ, args)
		got := c.HTTP.Listen.String() + " " + c.Log.Level.String() + " " + c.Bundles[0].Path
		if got != want {
			t.Fatalf("Load = %q, want %q", got, want)
		}
	}
	f("", nil, minimal, "127.0.0.1:8181 INFO b")
	f(file, nil, nil, "127.0.0.1:1 WARN b")
	f(file, []string{"POSTERN_LISTEN=127.0.0.1:2"}, nil, "127.0.0.1:2 WARN b")
	f(file, []string{"POSTERN_LISTEN=127.0.0.1:2", "POSTERN_BUNDLE=e"}, []string{"--listen=127.0.0.1:3"}, "127.0.0.1:3 WARN e")
	f(file, []string{"POSTERN_LOG_LEVEL=error"}, []string{"--bundle=f"}, "127.0.0.1:1 ERROR f")
	f(file, nil, []string{"--listen=127.0.0.1:4", "--listen=127.0.0.1:5"}, "127.0.0.1:5 WARN b")
}

func TestLoad_configFromEnvironment(t *testing.T) {
	mustLoad(t, minimalFile, nil, nil) // leaves the test in a directory with postern.yaml
	c, err := Load(nil, []string{"POSTERN_CONFIG=postern.yaml", "PATH=/bin", "broken"})
	if err != nil || c.Bundles[0].Path != "b" {
		t.Fatalf("Load = %+v, %v, want the file's bundle", c, err)
	}
	_, err = Load(parseFlags(t, []string{"--config=absent.yaml"}), []string{"POSTERN_CONFIG=postern.yaml"})
	wantMistakes(t, err, "--config: read the configuration: open absent.yaml: no such file or directory")
}

func TestLoad_lists(t *testing.T) {
	c := mustLoad(t, minimalFile, []string{"POSTERN_AUTHORIZED_PARTY=https://a.example, https://b.example", "POSTERN_BUNDLE=x,y"}, nil)
	if got := c.Issuers.List[0].AuthorizedParties.Origins; !reflect.DeepEqual(got, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("authorized parties = %q, want both", got)
	}
	if got := c.Bundles; !reflect.DeepEqual(got, Bundles{pathOf("x"), pathOf("y")}) {
		t.Errorf("bundles = %+v, want x and y", got)
	}
	c = mustLoad(t, minimalFile, []string{"POSTERN_BUNDLE=x"}, []string{"--bundle=a,b", "--bundle=c"})
	if got := c.Bundles; !reflect.DeepEqual(got, Bundles{pathOf("a,b"), pathOf("c")}) {
		t.Errorf("bundles = %+v, want %q and c", got, "a,b")
	}
}

// The settings of an issuer make the only one, or change the only one of the file.
func TestLoad_issuerSettings(t *testing.T) {
	t.Run("made across layers", func(t *testing.T) {
		c := mustLoad(t, "", []string{"POSTERN_ISSUER=https://i.example", "POSTERN_AUTHORIZED_PARTY=any", "POSTERN_COOKIE=c1"},
			[]string{"--bundle=b", "--public-key=k.pem", "--claims=oidc", "--cookie=c2"})
		want := DefaultIssuer()
		want.Issuer, want.PublicKey, want.Cookie = "https://i.example", "k.pem", "c2"
		want.AuthorizedParties, want.Claims = Parties{Any: true}, Claims{Profile: ClaimsOIDC}
		if got := c.Issuers.List; !reflect.DeepEqual(got, []Issuer{want}) {
			t.Fatalf("issuers = %+v, want %+v", got, want)
		}
	})
	t.Run("another source of keys replaces the file's", func(t *testing.T) {
		c := mustLoad(t, minimalFile, nil, []string{"--public-key=k.pem"})
		if got := c.Issuers.List[0]; got.JWKS != "" || got.PublicKey != "k.pem" || got.Issuer != "https://i.example" {
			t.Fatalf("issuer = %+v, want the PEM alone and the file's issuer", got)
		}
		c = mustLoad(t, strings.Replace(minimalFile, "jwks: k.json", "public_key: k.pem", 1), nil, []string{"--jwks=k.json"})
		if got := c.Issuers.List[0]; got.JWKS != "k.json" || got.PublicKey != "" {
			t.Fatalf("issuer = %+v, want the JWKS alone", got)
		}
	})
	t.Run("a claims mapping is replaced whole", func(t *testing.T) {
		c := mustLoad(t, minimalFile+"  claims: {user_id: /u}\n", nil, []string{"--claims=clerk"})
		if got := c.Issuers.List[0].Claims; got != (Claims{Profile: ClaimsClerk}) {
			t.Fatalf("claims = %+v, want clerk alone", got)
		}
	})
	t.Run("both sources of keys", func(t *testing.T) {
		_, err := load(t, "", nil, append([]string{"--public-key=k.pem"}, minimal...))
		wantMistakes(t, err, "--public-key: stands beside jwks: an issuer has one or the other")
	})
	t.Run("several in the file", func(t *testing.T) {
		file := minimalFile + strings.Replace(minimalFile[strings.Index(minimalFile, "- issuer"):], "i.example", "j.example", 1)
		_, err := load(t, file, []string{"POSTERN_COOKIE=c"}, []string{"--issuer=x", "--authorized-party=any"})
		wantMistakes(t, err,
			"POSTERN_COOKIE: the file names 2 issuers: say it there",
			"--issuer: the file names 2 issuers: say it there",
			"--authorized-party: the file names 2 issuers: say it there")
	})
	t.Run("none", func(t *testing.T) {
		c := mustLoad(t, "", nil, []string{"--bundle=b", "--issuer=none"})
		if !c.Issuers.None || len(c.Issuers.List) != 0 {
			t.Fatalf("issuers = %+v, want none", c.Issuers)
		}
		c = mustLoad(t, "bundles: [{path: b}]\nissuers: none\n", nil, nil)
		if !c.Issuers.None {
			t.Fatalf("issuers = %+v, want none", c.Issuers)
		}
		c = mustLoad(t, "bundles: [{path: b}]\nissuers: none\n", nil, minimal[1:])
		if c.Issuers.None || len(c.Issuers.List) != 1 {
			t.Fatalf("issuers = %+v, want the flags' one", c.Issuers)
		}
		_, err := load(t, minimalFile, nil, []string{"--issuer=none"})
		wantMistakes(t, err, "--issuer: none contradicts the issuer that is set by postern.yaml:3:1")
		_, err = load(t, "", nil, []string{"--bundle=b", "--issuer=none", "--cookie=c"})
		wantMistakes(t, err, "--cookie: means nothing beside --issuer none")
	})
}

func TestLoad_environment(t *testing.T) {
	f := func(entry string, want ...string) {
		t.Helper()
		_, err := load(t, "", strings.Split(entry, ";"), minimal)
		wantMistakes(t, err, want...)
	}
	// Not ours, or kept for tests.
	f("PATH=/bin;HOME=/;postern_listen=x;XPOSTERN_LISTEN=x")
	f("POSTERN_TEST_ANYTHING=1;POSTERN_REQUIRE_NGINX=1")
	// What Kubernetes sets for Services called postern and postern-admin.
	f("POSTERN_SERVICE_HOST=10.0.0.1;POSTERN_SERVICE_PORT=8181;POSTERN_SERVICE_PORT_HTTP=8181;POSTERN_SERVICE_PORT_GRPC_WEB=1")
	f("POSTERN_PORT=tcp://10.0.0.1:8181;POSTERN_PORT_8181_TCP=tcp://10.0.0.1:8181;POSTERN_PORT_8181_TCP_PROTO=tcp;POSTERN_PORT_8181_TCP_PORT=8181;POSTERN_PORT_8181_TCP_ADDR=10.0.0.1;POSTERN_PORT_53_UDP=udp://10.0.0.1:53")
	f("POSTERN_ADMIN_SERVICE_HOST=10.0.0.1;POSTERN_ADMIN_SERVICE_PORT=1;POSTERN_ADMIN_PORT=tcp://10.0.0.1:1;POSTERN_ADMIN_PORT_1_TCP=tcp://10.0.0.1:1")
	// Meant for us, and without effect.
	f("POSTERN_LISTN=x", "POSTERN_LISTN: unknown variable; did you mean \"POSTERN_LISTEN\"?")
	f("POSTERN_BUNDLES=x", "POSTERN_BUNDLES: unknown variable; did you mean \"POSTERN_BUNDLE\"?")
	f("POSTERN_PORT=8181", "POSTERN_PORT: unknown variable; did you mean \"POSTERN_LISTEN\"?")
	f("POSTERN_GRPC_PORT=9191", "POSTERN_GRPC_PORT: unknown variable")
	f("POSTERN_PORT_X_TCP=1", "POSTERN_PORT_X_TCP: unknown variable")
	f("POSTERN_=1", "POSTERN_: unknown variable")
	f("POSTERN_SECRET=sk_live_abc", "POSTERN_SECRET: unknown variable")
	f("POSTERN_A\x1b[31m=1", `"POSTERN_A\x1b[31m": unknown variable`)
	// Ours, and wrong.
	f("POSTERN_LISTEN=", "POSTERN_LISTEN: is empty: leave it out, or give it a value")
	f("POSTERN_BUNDLE=a,,b", "POSTERN_BUNDLE: is empty: leave it out, or give it a value")
	f("POSTERN_LISTEN=80", `POSTERN_LISTEN: "80" is no address: want host:port, with IPv6 in brackets, or unix:///path`)
	f("POSTERN_LISTEN=:1;POSTERN_LISTEN=:2", "POSTERN_LISTEN: is given twice with different values")
	f("POSTERN_LISTEN=127.0.0.1:1;POSTERN_LISTEN=127.0.0.1:1")
	f("POSTERN_AUTHORIZED_PARTY=https://a.example,any", "POSTERN_AUTHORIZED_PARTY: any stands alone: with it, a list means nothing")
}

// A flag that beats a wrong variable does not hide the mistake.
func TestLoad_overriddenMistake(t *testing.T) {
	_, err := load(t, minimalFile+"log: {level: loud}\n", []string{"POSTERN_LOG_LEVEL=LOUD"}, []string{"--log-level=info"})
	wantMistakes(t, err,
		`postern.yaml:6:14: log.level: "loud" is no level: want debug, info, warn or error`,
		`POSTERN_LOG_LEVEL: "LOUD" is no level: want debug, info, warn or error`)
}

// TestLoadPolicy demands nothing that only a server needs, and lets no other mistake by.
func TestLoadPolicy(t *testing.T) {
	t.Chdir(t.TempDir())
	const file = "policy: {deadline: 50ms}\nissuers: [{issuer: https://i.example, claims: oidc, treat_pending_as_signed_out: false}]\n"
	if err := os.WriteFile("postern.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadPolicy(parseFlags(t, []string{"--config=postern.yaml"}), []string{"POSTERN_BUNDLE=b"})
	if err != nil {
		t.Fatalf("LoadPolicy = %v, want no error", err)
	}
	if c.Policy.Deadline != 50*time.Millisecond || len(c.Bundles) != 1 || c.Bundles[0].Path != "b" {
		t.Errorf("deadline %s and bundles %v, want 50ms and b", c.Policy.Deadline, c.Bundles)
	}
	if i := c.Issuers.List; len(i) != 1 || i[0].Claims.Profile != ClaimsOIDC || i[0].TreatPendingAsSignedOut {
		t.Errorf("issuers %+v, want one that reads oidc and lets pending sessions in", i)
	}
	if _, err := LoadPolicy(nil, nil); err != nil {
		t.Errorf("LoadPolicy of nothing = %v, want no error", err)
	}
	if _, err := LoadPolicy(parseFlags(t, []string{"--claims=oidc"}), nil); err != nil {
		t.Errorf("LoadPolicy with --claims alone = %v, want no error", err)
	}
	for _, args := range [][]string{
		{"--claims=saml"},
		{"--issuer=none", "--jwks=k.json"},
		{"--jwks=k.json", "--public-key=k.pem"},
		{"--bundle=b", "--bundle=./b"},
		{"--listen=nowhere"},
	} {
		if _, err := LoadPolicy(parseFlags(t, args), nil); err == nil {
			t.Errorf("LoadPolicy(%q) has no error", args)
		}
	}
}
