package config

import (
	"strings"
	"testing"
	"time"
)

// Each line is added to a file that is good without it.
func TestLoad_checks(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+line+"\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("http: {listen: '127.0.0.1:9191'}", "16: http.listen: 127.0.0.1:9191 cannot be listened to beside grpc.listen")
	f("admin: {listen: ':8181'}", "17: admin.listen: :8181 cannot be listened to beside http.listen")
	f("admin: {listen: 'localhost:9191'}", "17: admin.listen: localhost:9191 cannot be listened to beside grpc.listen")
	f("admin: {listen: '127.0.0.1:0'}")
	f("public_url: ftp://x.example", `13: public_url: "ftp://x.example" has the wrong scheme: want https, http`)
	f("public_url: /x", `13: public_url: "/x" is no absolute URL`)
	f("public_url: 'https://x.example?a=b'", `13: public_url: "https://x.example?…" must not have a query`)
	f("public_url: 'https://x.example/#a'", `13: public_url: "https://x.example/#a" must not have a fragment`)
	f("public_url: 'https://x.example:0'", `13: public_url: port "0" is not from 1 to 65535`)
	f("public_url: 'https://u:p@x.example'", `13: public_url: "https://…@x.example" must not carry a user or a password`)
	f("doors: {check: false, ext_authz: false, forward_auth: false, auth_request: false}", "8: doors: every door is closed: nothing would be answered")
	f("doors: {check: false}")
	f("doors: {check: false, ext_authz: false, forward_auth: false}")
	f("unavailable_status: 500", "21: unavailable_status: 500 is none of 403 and 503")
	f("unavailable_status: 200", "21: unavailable_status: 200 is none of 403 and 503")
	f("sign_in_url: 'https://x.example/sign-in?a=b'")
	f("sign_in_url: 'https://x.example/#/sign-in'", `14: sign_in_url: "https://x.example/#/sign-in" must not have a fragment`)
	f("sign_in_url: 'https://x.example/sign-in?a=b&redirect_url=c'", `14: sign_in_url: "https://x.example/sign-in?…" has a redirect_url of its own, which each request's takes the place of`)
	f("sign_in_url: /sign-in", `14: sign_in_url: "/sign-in" is no absolute URL`)
	f("sign_in_url: ''", "14: sign_in_url: is empty: leave it out, or give it a value")
	f("policy: {builtins: [http.send]}", `21: policy.builtins[0]: "http.send" cannot be allowed; only io.jwt.decode_verify and time.now_ns can`)
	f("policy: {builtins: [time.now]}", `21: policy.builtins[0]: "time.now" cannot be allowed; only io.jwt.decode_verify and time.now_ns can; did you mean "time.now_ns"?`)
	f("policy: {builtins: [time.now_ns, time.now_ns]}", `34: policy.builtins[1]: "time.now_ns" is given twice`)
	f("policy: {deadline: 0s}", "20: policy.deadline: must be more than 0")
	f("policy: {deadline: -5s}", `20: policy.deadline: "-5s" is no duration: want one such as 100ms, 5s or 1m30s`)
	f("entrypoints: {check: data.a.b}", `22: entrypoints.check: "data.a.b" is no path of a rule: want package and rule with slashes, such as postern/check/decision`)
	f("entrypoints: {check: /a/b}", `22: entrypoints.check: "/a/b" is no path of a rule: want package and rule with slashes, such as postern/check/decision`)
	f("entrypoints: {check: data/a/b}", `22: entrypoints.check: "data/a/b" is no path of a rule: want package and rule with slashes, such as postern/check/decision`)
	f("limits: {token: 255}", "17: limits.token: 255 is not from 256 to 1MiB")
	f("limits: {header: 2MiB}", "18: limits.header: 2MiB is not from 1KiB to 1MiB")
	f("limits: {header: 4KiB}", "9: limits.token: 8KiB cannot arrive in limits.header, 4KiB")
	f("limits: {body: 0}", "16: limits.body: 0 is not from 256 to 64MiB")
	f("limits: {batch: 0}", "17: limits.batch: 0 is not from 1 to 10000")
	f("limits: {concurrency: 0}", "23: limits.concurrency: 0 is not from 1 to 1000000")
	f("cache: {tokens: 2000GiB}", "17: cache.tokens: 2000GiB is not from 0 to 1024GiB")
	f("watch: {settle: 0s}", "17: watch.settle: 0s is not from 1ms to 1m0s")
	f("watch: {poll: 1ms}", "15: watch.poll: 1ms is not from 100ms to 24h0m0s")
}

func TestLoad_bundles(t *testing.T) {
	f := func(bundles string, want ...string) {
		t.Helper()
		_, err := load(t, strings.Replace(minimalFile, "[{path: b}]", bundles, 1), nil, nil)
		for i := range want {
			want[i] = "postern.yaml:1:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("[]", "10: bundles: none is given: say --bundle, POSTERN_BUNDLE, or bundles in the file")
	f("[{}]", "11: bundles[0]: needs exactly one of path and url")
	f("[{path: a}, {path: ./a/}]", `22: bundles[1]: "a" is given twice`)
	f("[{path: 's3://x/y'}]", `18: bundles[0].path: "s3://x/y" is a URL: a path is wanted`)
	f("[{url: 's3://x/y'}]", `17: bundles[0].url: "s3://x/y" has the wrong scheme: want https, http, oci`)
}

// Each line replaces the issuer's authorized parties, or is added to it.
func TestLoad_issuerChecks(t *testing.T) {
	f := func(old, replacement string, want ...string) {
		t.Helper()
		file := strings.Replace(minimalFile, old, replacement, 1)
		if file == minimalFile {
			t.Fatalf("%q is not in the file", old)
		}
		_, err := load(t, file, nil, nil)
		for i := range want {
			want[i] = "postern.yaml:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("issuer: https://i.example", "cookie: c", "3:3: issuers[0].issuer: is missing: say the exact iss of its tokens")
	f("issuer: https://i.example", "issuer: 'a b'", `3:11: issuers[0].issuer: "a b" has spaces or control characters`)
	f("issuer: https://i.example", "issuer: sk_live_secret", "3:11: issuers[0].issuer: is a secret: want the iss of its tokens, such as https://clerk.example.com")
	f("issuer: https://i.example", "issuer: https://", `3:11: issuers[0].issuer: "https://" is no absolute URL`)
	f("issuer: https://i.example", "issuer: accounts")
	f("  jwks: k.json\n", "", "3:3: issuers[0].jwks: neither jwks nor public_key is given: an issuer needs one of them")
	f("  jwks: k.json\n", "  jwk: k.json\n", `4:3: issuers[0].jwk: unknown key; did you mean "jwks"?`)
	f("jwks: k.json", "jwks: http://i.example/jwks", `4:9: issuers[0].jwks: "http://i.example/jwks" must be https: http is for loopback only`)
	f("jwks: k.json", "jwks: http://localhost:8080/jwks")
	f("jwks: k.json", "jwks: 'http://[::1]:8080/jwks'")
	f("jwks: k.json", "jwks: ftp://i.example/jwks", `4:9: issuers[0].jwks: "ftp://i.example/jwks" has the wrong scheme: want https, http`)
	f("jwks: k.json", "jwks: 'https://u:hunter2@i.example/jwks'", `4:9: issuers[0].jwks: "https://…@i.example/jwks" must not carry a user or a password`)
	f("jwks: k.json", "jwks: 'file:///k.json'", `4:9: issuers[0].jwks: "file:///k.json" is no absolute URL`)
	f("jwks: k.json", "public_key: https://i.example/key", `4:15: issuers[0].public_key: "https://i.example/key" is a URL: a path is wanted`)
	f("  authorized_parties: [https://app.example]\n", "", "3:3: issuers[0].authorized_parties: no authorized party is given: list the origins that tokens may be made for, or say any")
	f("[https://app.example]", "[]", "5:23: issuers[0].authorized_parties: no authorized party is given: list the origins that tokens may be made for, or say any")
	f("[https://app.example]", "[any]")
	f("[https://app.example]", "any")
	f("[https://app.example]", "['https://a.example', 'https://a.example']", `5:45: issuers[0].authorized_parties[1]: "https://a.example" is given twice`)
	f("[https://app.example]\n", "[https://app.example]\n  audience: []\n", `6:13: issuers[0].audience: is empty: name at least one, or leave it out to accept any`)
	f("[https://app.example]\n", "[https://app.example]\n  audience: ['a b']\n", `6:14: issuers[0].audience[0]: "a b" has spaces or control characters, or nothing`)
	f("[https://app.example]\n", "[https://app.example]\n  algorithms: []\n", "6:15: issuers[0].algorithms: is empty: name at least one")
	f("[https://app.example]\n", "[https://app.example]\n  algorithms: [RS265]\n", `6:16: issuers[0].algorithms[0]: "RS265" is not supported: want one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; did you mean "RS256"?`)
	f("[https://app.example]\n", "[https://app.example]\n  claims: {}\n", "6:11: issuers[0].claims: is an empty mapping: no session would have more than its user")
	f("[https://app.example]\n", "[https://app.example]\n  claims: {user_id: sub}\n", `6:21: issuers[0].claims.user_id: "sub" is no JSON pointer: it must begin with a slash`)
	f("[https://app.example]\n", "[https://app.example]\n  claims: {user_id: /a~2b, status: /a~}\n",
		`6:21: issuers[0].claims.user_id: "/a~2b" is no JSON pointer: ~ must be written ~0, and a slash within a name ~1`,
		`6:36: issuers[0].claims.status: "/a~" is no JSON pointer: ~ must be written ~0, and a slash within a name ~1`)
	f("[https://app.example]\n", "[https://app.example]\n  claims: {org: {role: /r}}\n", "6:17: issuers[0].claims.org.id: is missing beside other members of org")
}

func TestLoad_issuersMissing(t *testing.T) {
	_, err := load(t, "", nil, []string{"--bundle=b"})
	wantMistakes(t, err, "issuers: none is given: say --issuer with its keys and authorized parties, or issuers in the file (the word none makes every session null)")
	_, err = load(t, "", nil, []string{"--bundle=b", "--issuer=i"})
	wantMistakes(t, err,
		"--issuer: neither jwks nor public_key is given: an issuer needs one of them",
		"--issuer: no authorized party is given: list the origins that tokens may be made for, or say any")
}

// Every listener, door and client setting that this build refuses would be checked.
func TestValidate_unsupported(t *testing.T) {
	f := func(change func(*Config), want ...string) {
		t.Helper()
		c := mustLoad(t, "", nil, minimal)
		c.places = nil
		change(c)
		wantMistakes(t, c.Validate(), want...)
	}
	f(func(*Config) {})
	f(func(c *Config) { c.HTTP.TLS.Cert = "c.pem" }, "http.tls.key: is missing beside cert")
	f(func(c *Config) { c.GRPC.TLS.Key = "k.pem" }, "grpc.tls.cert: is missing beside key")
	f(func(c *Config) { c.Admin.TLS.ClientCA = "ca.pem" }, "admin.tls.cert: is missing: clients are asked for certificates only with TLS")
	f(func(c *Config) { c.HTTP.TLS = TLS{Cert: "c", Key: "k", ClientSANs: []string{"a"}} }, "http.tls.client_ca: is missing beside client_sans")
	f(func(c *Config) { c.HTTP.TLS = TLS{Cert: "-----BEGIN CERTIFICATE-----", Key: "k"} }, "http.tls.cert: is a secret or a key: give the path of a file with it")
	f(func(c *Config) { c.Doors.AuthZEN, c.Doors.OPA = true, true },
		"doors.authzen: answers questions about others, so it needs clients: {tokens_file, mtls, unix_uids or anonymous: loopback}",
		"doors.opa: answers questions about others, so it needs clients: {tokens_file, mtls, unix_uids or anonymous: loopback}")
	f(func(c *Config) { c.Doors.OPA, c.Clients.Anonymous = true, "loopback" })
	f(func(c *Config) { c.Clients.Anonymous = "everyone" }, `clients.anonymous: "everyone" is not supported: only loopback is`)
	f(func(c *Config) { c.Clients.MTLS = true }, "clients.mtls: needs http.tls.client_ca")
	f(func(c *Config) { c.Clients = Clients{TokensFile: "t", Anonymous: "loopback"} }, "clients: needs exactly one of tokens_file, mtls, unix_uids and anonymous")
	f(func(c *Config) {
		c.Doors.OPA, c.Clients.UnixUIDs, c.HTTP.Listen = true, []int{0, 1000}, Address{"unix", "/s"}
	})
	f(func(c *Config) { c.Clients = Clients{UnixUIDs: []int{1}, MTLS: true} }, "clients: needs exactly one of tokens_file, mtls, unix_uids and anonymous")
	f(func(c *Config) { c.SignInURL = "http://x.example/" }, `sign_in_url: "http://x.example/" must be https: http is for loopback only`)
	f(func(c *Config) { c.SignInURL = "https://x.example/sign-in?a=b" })
	f(func(c *Config) { c.IdentityHeaders.Prefix = "X_User" }, `identity_headers.prefix: "X_User" is no prefix: want lower-case letters, digits and hyphens, with a hyphen at the end`)
	f(func(c *Config) { c.Bundles = Bundles{{URL: "s3://x/y"}} }, `bundles[0].url: "s3://x/y" has the wrong scheme: want https, http, oci`)
	f(func(c *Config) { c.Bundles = Bundles{{URL: "oci://r.example/y:1", Poll: DefaultBundle().Poll}} })
	f(func(c *Config) { c.Bundles = Bundles{{Path: "p", URL: "oci://r.example/y"}} }, "bundles[0]: needs exactly one of path and url")
	f(func(c *Config) { c.Issuers.None = true }, "issuers: none contradicts a list of issuers")
	f(func(c *Config) { c.Issuers.List[0].AuthorizedParties.Any = true }, "issuers[0].authorized_parties: any contradicts a list of origins")
	f(func(c *Config) { c.Issuers.List[0].Claims.Profile = "" }, "issuers[0].claims: is neither clerk, oidc nor a mapping")
	f(func(c *Config) { c.Entrypoints.Search.Action = "a" }, `entrypoints.search.action: "a" is no path of a rule: want package and rule with slashes, such as postern/check/decision`)
	f(func(c *Config) { c.Admin.Listen = Address{} }, "admin.listen: is no address")
	if err := new(Config).Validate(); err == nil {
		t.Fatal("Validate of the zero Config = nil, want mistakes")
	}
}

func TestWarnings(t *testing.T) {
	f := func(change func(*Config), want ...string) {
		t.Helper()
		c := mustLoad(t, "", nil, minimal)
		change(c)
		if got := strings.Join(c.Warnings(), "\n"); got != strings.Join(want, "\n") {
			t.Fatalf("Warnings:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	}
	f(func(*Config) {})
	f(func(c *Config) { c.Issuers = Issuers{None: true} }, "--issuer: none: no token is accepted, every session is null")
	f(func(c *Config) { c.Issuers.List[0].AuthorizedParties = Parties{Any: true} }, "--authorized-party: any: tokens that were made for another party are accepted")
	f(func(c *Config) { c.Issuers.List[0].TreatPendingAsSignedOut = false }, "--issuer: sessions with tasks still to do count as signed in")
	f(func(c *Config) { c.Issuers.List[0].ClockSkew = 2 * time.Minute }, "--issuer: expired tokens are accepted for another 2m0s")
	f(func(c *Config) { c.Clients.Anonymous = "loopback" }, "clients.anonymous: everyone on this machine may ask about others, and whoever a proxy on it forwards")
	f(func(c *Config) { c.Policy.Deadline = 200 * time.Millisecond }, "policy.deadline: 200ms is not under the 200ms that Envoy waits: a slow answer is its failure mode")
	f(func(c *Config) { c.Policy.Deadline = 199 * time.Millisecond })
	f(func(c *Config) { c.Policy.Builtins = []string{"time.now_ns"} }, "policy.builtins: policies may call time.now_ns: their decisions are not memoised")
	f(func(c *Config) { c.Admin.PProf = true }, "admin.pprof: profiles show what is in the server's memory to all who reach 127.0.0.1:8282")
	f(func(c *Config) {
		c.HTTP.Listen, c.GRPC.Listen, c.Admin.Listen = tcp(":1"), tcp("10.0.0.1:2"), Address{"unix", "/run/a"}
	}, "http.listen: :1 can be reached from other machines, without TLS", "grpc.listen: 10.0.0.1:2 can be reached from other machines, without TLS",
		"http.listen: whoever reaches :1 can ask as the proxy does: let nobody else", "grpc.listen: whoever reaches 10.0.0.1:2 can ask as the proxy does: let nobody else")
	f(func(c *Config) {
		c.HTTP.Listen, c.GRPC.Listen, c.Doors = tcp(":1"), tcp(":2"), Doors{Check: true}
	}, "http.listen: :1 can be reached from other machines, without TLS")
	f(func(c *Config) {
		c.HTTP.Listen, c.HTTP.TLS, c.Doors.ExtAuthz = tcp(":1"), TLS{Cert: "c", Key: "k", ClientCA: "a"}, false
	})
	f(func(c *Config) { c.UnavailableStatus = 503 }, "unavailable_status: 503 lets requests through where Envoy's failure_mode_allow is set")
	f(func(c *Config) { c.SignInURL = "https://x.example" })
	f(func(c *Config) { c.Doors.AuthZEN, c.PublicURL, c.AuthZEN.Reasons = true, "https://x.example", true })
	f(func(c *Config) { c.Doors.AuthZEN, c.PublicURL = true, "http://x.example" }, "public_url: is not https: AuthZEN clients that discover this server by it may refuse it")
	f(func(c *Config) { c.Doors.OPA, c.PublicURL = true, "http://x.example" })
	f(func(c *Config) { c.SignInURL, c.Doors = "https://x.example", Doors{Check: true} }, "sign_in_url: no door is open that redirects; it has no effect")
}

// What was said and nothing reads is warned of, where it was said; a default is not.
func TestWarnings_noEffect(t *testing.T) {
	f := func(lines string, environ, args []string, want ...string) {
		t.Helper()
		c := mustLoad(t, minimalFile+lines+"\n", environ, args)
		for i := range want {
			want[i] += "; it has no effect"
		}
		if got := strings.Join(c.Warnings(), "\n"); got != strings.Join(want, "\n") {
			t.Fatalf("Warnings with %q:\n%s\nwant:\n%s", lines, got, strings.Join(want, "\n"))
		}
	}
	f("", nil, nil)
	f("grpc: {listen: '127.0.0.1:9191'}", nil, nil)
	f("grpc: {listen: '127.0.0.1:9191'}\ndoors: {ext_authz: false}", nil, nil, "postern.yaml:6:16: grpc.listen: doors.ext_authz is closed")
	f("grpc: {reflection: false}", nil, nil)
	f("public_url: https://x.example", nil, nil, "postern.yaml:6:13: public_url: doors.authzen is closed")
	f("authzen: {reasons: true}", nil, nil, "postern.yaml:6:20: authzen.reasons: doors.authzen is closed")
	f("authzen: {reasons: false}", nil, nil)
	f("doors: {check: true, ext_authz: true, forward_auth: true, auth_request: true}", nil, nil)
	f("doors: {check: true, ext_authz: false, forward_auth: false, auth_request: false}", nil, nil)
	f("cache: {tokens: 1MiB, decisions: 1MiB}", nil, nil)
	f("cache: {decisions: 0}", nil, nil)
	f("doors: {ext_authz: false}", []string{"POSTERN_GRPC_LISTEN=127.0.0.1:1"}, []string{"--public-url=https://x.example"},
		"POSTERN_GRPC_LISTEN: doors.ext_authz is closed", "--public-url: doors.authzen is closed")
}
