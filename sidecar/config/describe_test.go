package config

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	c := mustLoad(t, minimalFile+"limits: {body: 128KiB}\npolicy: {builtins: [time.now_ns, io.jwt.decode_verify]}\n",
		[]string{"POSTERN_LOG_LEVEL=warn"}, []string{"--claims=oidc", "--jwks=https://i.example/k?v=2"})
	var b bytes.Buffer
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	keys := 0
	for _, k := range Keys() {
		if !strings.Contains(k.Path, "signers[]") && !strings.HasPrefix(k.Path, "shadow.bundles[]") { // there are none of these
			keys++
		}
	}
	if len(got) != keys {
		t.Errorf("Describe has %d lines, want one for each of %d keys", len(got), keys)
	}
	for _, want := range []string{
		"http.listen 127.0.0.1:8181 default",
		"public_url - default",
		"bundles[0].path b postern.yaml:1:18",
		"bundles[0].url - default",
		"issuers[0].issuer https://i.example postern.yaml:3:11",
		"issuers[0].jwks https://i.example/k?… --jwks",
		"issuers[0].authorized_parties https://app.example postern.yaml:5:23",
		"issuers[0].claims oidc --claims",
		"issuers[0].cookie __session default",
		"limits.body 128KiB postern.yaml:6:16",
		"policy.builtins time.now_ns,io.jwt.decode_verify postern.yaml:7:20",
		"log.level warn POSTERN_LOG_LEVEL",
		"decision_log.to none default",
		"watch.poll 15s default",
	} {
		found := false
		for _, line := range got {
			found = found || line == want
		}
		if !found {
			t.Errorf("Describe has no line %q:\n%s", want, b.String())
		}
	}
}

func TestDescribe_words(t *testing.T) {
	f := func(args []string, want string) {
		t.Helper()
		var b bytes.Buffer
		if err := mustLoad(t, "", nil, args).Describe(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, want) {
			t.Errorf("Describe = %q, want %q in it", got, want)
		}
	}
	f([]string{"--bundle=b", "--issuer=none"}, "issuers none --issuer")
	f([]string{"--bundle=b c\u202e", "--issuer=none"}, `bundles[0].path "b c\u202e" --bundle`)
	f(append([]string{"--authorized-party=any"}, minimal[:3]...), "issuers[0].authorized_parties any --authorized-party")
}

func TestDescribe_brokenWriter(t *testing.T) {
	if err := mustLoad(t, "", nil, minimal).Describe(broken{}); !errors.Is(err, errBroken) {
		t.Fatalf("Describe = %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

// A key or token pasted where a path belongs, or a password in a URL, is in no message.
func TestLoad_neverShowsSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, value := range []string{
		"-----BEGIN PRIVATE KEY-----\n" + secret, "sk_live_" + secret, "sk_test_" + secret, "eyJ" + secret,
		"https://user:" + secret + "@host.example/", "http://host.example/?sig=" + secret, "ftp://" + secret + "@x",
	} {
		for _, s := range Settings() {
			args := append([]string{}, minimal...)
			args = append(args, "--"+s.Flag+"="+value)
			c, err := load(t, "", nil, args)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("Load with --%s=%q = %v, want no secret in it", s.Flag, value, err)
			}
			if err == nil {
				var b bytes.Buffer
				if err := c.Describe(&b); err != nil || strings.Contains(b.String(), secret) {
					t.Errorf("Describe with --%s=%q = %v, %s, want no secret in it", s.Flag, value, err, b.String())
				}
			}
		}
	}
}
