package config

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Each file has one mistake, or several, and every one is named with its place.
func TestLoad_fileMistakes(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "htpp: {}", `1:1: htpp: unknown key; did you mean "http"?`},
		{"unknown key below", "http:\n  listne: x", `2:3: http.listne: unknown key; did you mean "listen"?`},
		{"key of another place", "jwks: k.json", `1:1: jwks: unknown key; did you mean "issuers[].jwks"?`},
		{"key like nothing", "colour: red", "1:1: colour: unknown key"},
		{"key of another case", "HTTP: {}", `1:1: HTTP: unknown key; did you mean "http"?`},
		{"hostile key", "\"a\\x1b[31m\": 1", `1:1: "a\x1b[31m": unknown key`},
		{"duplicate key", "log: {level: info}\nlog: {level: warn}", "2:1: log: is given twice, first in line 1"},
		{"duplicate key below", "log:\n  level: info\n  \"level\": warn", "3:3: log.level: is given twice, first in line 2"},
		{"duplicate unknown key", "x: 1\nx: 2", "1:1: x: unknown key\n2:1: x: is given twice, first in line 1"},
		{"merge key", "<<: {log: {level: info}}", "1:1: <<: unknown key"},
		{"key is a list", "? [a]\n: b", "1:3: a key must be a plain name"},
		{"anchor", "public_url: &a https://x.example", "1:13: public_url: anchors and aliases are not supported: write the value out"},
		{"alias", "public_url: *a", "1: is no YAML: unknown anchor 'a' referenced"},
		{"tag", "public_url: !!str 5", `1:13: public_url: tags such as "!!str" are not supported`},
		{"no value", "http:", "1:6: http: has no value: leave the key out, or give it one"},
		{"null", "http: {listen: ~}", "1:16: http.listen: has no value: leave the key out, or give it one"},
		{"text for an object", "http: x", "1:7: http: want a mapping, not text"},
		{"list for an object", "http: []", "1:7: http: want a mapping, not a list"},
		{"root is a list", "- a", "1:1: want a mapping, not a list"},
		{"root is text", "a", "1:1: want a mapping, not text"},
		{"number for text", "public_url: 5", `1:13: public_url: want text, "5" is a number: put it in quotes`},
		{"date for text", "public_url: 2024-01-01", `1:13: public_url: want text, "2024-01-01" is a date: put it in quotes`},
		{"list for text", "public_url: [a]", "1:13: public_url: want text, not a list"},
		{"empty text", "public_url: ''", "1:13: public_url: is empty: leave it out, or give it a value"},
		{"yes for true", "admin: {pprof: yes}", `1:16: admin.pprof: want true or false, "yes" is text`},
		{"True for true", "admin: {pprof: True}", `1:16: admin.pprof: "True" is neither true nor false`},
		{"text for a number", "limits: {batch: '5'}", `1:17: limits.batch: want a whole number, "5" is text`},
		{"octal", "limits: {batch: 010}", `1:17: limits.batch: "010" is no whole number`},
		{"hexadecimal", "limits: {batch: 0x10}", `1:17: limits.batch: "0x10" is no whole number`},
		{"underscores", "limits: {batch: 1_0}", `1:17: limits.batch: "1_0" is no whole number`},
		{"fraction", "limits: {batch: 1.5}", `1:17: limits.batch: want a whole number, "1.5" is a number`},
		{"negative", "limits: {batch: -1}", `1:17: limits.batch: "-1" is no whole number`},
		{"huge", "limits: {batch: 99999999999999999999}", "1:17: limits.batch: want a whole number, \"99999999999999999999\" is a number"},
		{"size", "limits: {body: 1KB}", `1:16: limits.body: "1KB" is no size: want a whole number of bytes, or one with KiB, MiB or GiB`},
		{"size with a fraction", "limits: {body: 1.5}", `1:16: limits.body: want a size such as 64KiB, "1.5" is a number`},
		{"duration without unit", "policy: {deadline: 100}", `1:20: policy.deadline: "100" has no unit: want ms, s, m or h`},
		{"format", "log: {format: JSON}", `1:15: log.format: "JSON" is no format: want json or text`},
		{"text for a list", "policy: {builtins: time.now_ns}", "1:20: policy.builtins: want a list, not text"},
		{"list with a number", "policy: {builtins: [1]}", `1:21: policy.builtins[0]: want text, "1" is a number: put it in quotes`},
		{"bundle as text", "bundles: b", `1:10: bundles: want a list, such as [{path: "b"}], not text`},
		{"bundles of text", "bundles: [b]", `1:11: bundles: want {path: …} or {url: …}, not the bare text "b"`},
		{"claims as a word", "issuers: [{claims: clark}]", "1:20: issuers[0].claims: \"clark\" is no claims setting: want clerk or oidc, or in the file a mapping of JSON pointers; did you mean \"clerk\"?"},
		{"claims as a list", "issuers: [{claims: [clerk]}]", "1:20: issuers[0].claims: want clerk, oidc, or a mapping of JSON pointers, not a list"},
		{"claims with an unknown member", "issuers: [{claims: {org: {roles: /r}}}]", `1:27: issuers[0].claims.org.roles: unknown key; did you mean "role"?`},
		{"claims with nil", "issuers: [{claims: ~}]", "1:20: issuers[0].claims: has no value: leave the key out, or give it one"},
		{"issuers as a word", "issuers: nobody", "1:10: issuers: want a list, or the word none"},
		{"issuers as a mapping", "issuers: {issuer: x}", "1:10: issuers: want a list, or the word none, not a mapping"},
		{"issuer as text", "issuers: [none]", "1:11: issuers[0]: want a mapping, not text"},
		{"parties as a word", "issuers: [{authorized_parties: all}]", "1:32: issuers[0].authorized_parties: want a list of origins, or the word any"},
		{"any among others", "issuers: [{authorized_parties: [any, 'https://a.example']}]", "1:32: issuers[0].authorized_parties: any stands alone: with it, a list means nothing"},
		{"audience with a number", "issuers: [{audience: 5}]", `1:22: issuers[0].audience: want text, "5" is a number: put it in quotes`},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}", "1:1: is no YAML: more than one document"},
		{"rubbish after the document", "{log: {level: info}}}", "1:1: is no YAML: did not find expected <document start>"},
		{"syntax", "log:\n  level: info\n bad", "2:1: is no YAML: did not find expected key"},
		{"tab", "log:\n\tlevel: info", "2:1: is no YAML: found character that cannot start any token"},
		{"not UTF-8", "log:\n  level: \xff", "2:10: is not UTF-8"},
		{"NUL", "log: \x00", "1:6: has the control character U+0000"},
		{"escape", "# é\x1b[31m", "1:4: has the control character U+001B"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, r := Default(), &report{}
			parseFile("f", []byte(tt.file), c, r)
			var want []string
			for line := range strings.SplitSeq(tt.want, "\n") {
				if strings.HasPrefix(line, "1: ") {
					line = strings.Replace(line, "1: ", "1:1: ", 1)
				}
				want = append(want, "f:"+line)
			}
			wantMistakes(t, r.err(), want...)
		})
	}
}

// All mistakes come in one message: the file's in its order, then what was set
// elsewhere, then what is missing. What follows from a mistake is not another.
func TestLoad_allMistakesAtOnce(t *testing.T) {
	file := `http: {listen: localhost}
issuers:
- isuer: https://a.example
  jwks: 7
- issuer: https://b.example
  authorized_parties: ["https://b.example/"]
  algorithms: [HS256, none]
  cookie: "a b"
- issuer: https://b.example
  public_key: k.pem
  jwks: k.json
  clock_skew: 1h
polciy: {deadline: 1s}
policy: {deadline: 0s}
limits: {token: 64KiB}
clients: {anonymous: everyone}
`
	_, err := load(t, file, []string{"POSTERN_GRPC_LISTEN=x", "POSTERN_NOPE=1"}, []string{"--log-level=loud"})
	wantMistakes(t, err,
		`postern.yaml:1:16: http.listen: "localhost" is no address: want host:port, with IPv6 in brackets, or unix:///path`,
		`postern.yaml:3:3: issuers[0].isuer: unknown key; did you mean "issuer"?`,
		`postern.yaml:3:3: issuers[0].authorized_parties: no authorized party is given: list the origins that tokens may be made for, or say any`,
		`postern.yaml:4:9: issuers[0].jwks: want text, "7" is a number: put it in quotes`,
		`postern.yaml:5:3: issuers[1].jwks: neither jwks nor public_key is given: an issuer needs one of them`,
		`postern.yaml:6:24: issuers[1].authorized_parties[0]: "https://b.example/" is no origin: want scheme://host[:port] without a path, not even a slash`,
		`postern.yaml:7:16: issuers[1].algorithms[0]: "HS256" is not supported: whoever can verify with a shared secret can sign`,
		`postern.yaml:7:23: issuers[1].algorithms[1]: "none" is not supported: want one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA`,
		"postern.yaml:8:11: issuers[1].cookie: \"a b\" is no name of a cookie: want letters, digits and -_.!#$%&'*+^`|~",
		`postern.yaml:9:3: issuers[2].authorized_parties: no authorized party is given: list the origins that tokens may be made for, or say any`,
		`postern.yaml:9:11: issuers[2].issuer: "https://b.example" is given twice, first by issuers[1]`,
		`postern.yaml:10:15: issuers[2].public_key: stands beside jwks: an issuer has one or the other`,
		`postern.yaml:12:15: issuers[2].clock_skew: 1h0m0s is not from 0s to 10m0s`,
		`postern.yaml:13:1: polciy: unknown key; did you mean "policy"?`,
		`postern.yaml:14:20: policy.deadline: must be more than 0`,
		`postern.yaml:15:17: limits.token: 64KiB cannot arrive in limits.header, 16KiB`,
		`postern.yaml:16:22: clients.anonymous: "everyone" is not supported: only loopback is`,
		`POSTERN_NOPE: unknown variable`,
		`POSTERN_GRPC_LISTEN: "x" is no address: want host:port, with IPv6 in brackets, or unix:///path`,
		`--log-level: "loud" is no level: want debug, info, warn or error`,
		`bundles: none is given: say --bundle, POSTERN_BUNDLE, or bundles in the file`,
	)
}

// A file that is no YAML hides what it lacks, not what is wrong elsewhere.
func TestLoad_syntaxErrorAndOthers(t *testing.T) {
	_, err := load(t, "log: [", nil, []string{"--log-level=loud"})
	wantMistakes(t, err,
		"postern.yaml:1:1: is no YAML: did not find expected node content",
		`--log-level: "loud" is no level: want debug, info, warn or error`)
}

func TestLoad_fileIsNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	large := append([]byte("# "), make([]byte, maxFile)...)
	if err := os.WriteFile("large.yaml", large, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(path, want string) {
		t.Helper()
		_, err := Load(parseFlags(t, append([]string{"--config=" + path}, minimal...)), nil)
		wantMistakes(t, err, want)
	}
	f("absent.yaml", "--config: read the configuration: open absent.yaml: no such file or directory")
	f(".", "--config: read the configuration: read .: is a directory")
	f("large.yaml", `--config: read the configuration: "large.yaml" has more than 1048576 bytes`)
	f("", "--config: is empty: a path is wanted")
	f("https://x.example/c.yaml", `--config: "https://x.example/c.yaml" is a URL: a path is wanted`)
	f("a\x1b[31m", `--config: "a\x1b[31m" has control characters: a path is wanted`)
}

// A pipe works, as in --config <(generate).
func TestLoad_fileIsAPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = os.WriteFile("pipe", []byte(minimalFile), 0o600)
	}()
	if _, err := Load(parseFlags(t, []string{"--config=pipe"}), nil); err != nil {
		t.Fatalf("Load = %v, want no error", err)
	}
}

func TestLoad_emptyFile(t *testing.T) {
	for _, file := range []string{"# nothing\n", "---\n", "{}", "\ufeff{}"} {
		if _, err := load(t, file, nil, minimal); err != nil {
			t.Errorf("Load(%q) = %v, want no error", file, err)
		}
	}
}

func TestLoad_thousandMistakes(t *testing.T) {
	var file strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&file, "zzzzzzzz%d: 1\n", i)
	}
	_, err := load(t, file.String(), nil, minimal)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || lines[100] != "and 900 more mistakes" {
		t.Fatalf("mistakes = %d lines, the last %q, want 100 and how many more", len(lines), lines[len(lines)-1])
	}
}

// Depth and aliases, the ways to make a small file costly.
func TestLoad_costlyFiles(t *testing.T) {
	f := func(name, file string) {
		t.Helper()
		if _, err := load(t, file, nil, minimal); err == nil {
			t.Fatalf("%s: Load = nil, want an error", name)
		}
	}
	f("deep lists", "policy: {builtins: "+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}")
	f("deep mappings", strings.Repeat("{a: ", 50_000)+"1"+strings.Repeat("}", 50_000))
	f("aliases", "a: &a [x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]")
	f("an alias of itself", "a: &a [*a]")
}
