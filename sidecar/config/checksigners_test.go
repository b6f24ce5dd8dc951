package config

import (
	"slices"
	"strings"
	"testing"

	"postern/sidecar/bundle"
)

func TestLoad_signers(t *testing.T) {
	f := func(rest string, want ...string) *Config {
		t.Helper()
		c, err := load(t, strings.Replace(minimalFile, "[{path: b}]", "[{path: b, "+rest+"}]", 1), nil, nil)
		for i := range want {
			want[i] = "bundles[0]." + want[i]
		}
		if len(want) == 0 && err != nil {
			t.Errorf("%s: %v", rest, err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", rest, err, w)
			}
		}
		return c
	}
	c := f("ordered: true, signers: [{key_id: ci, public_key: ci.pem}]")
	want := Signer{KeyID: "ci", PublicKey: "ci.pem", Algorithm: "RS256"}
	if b := c.Bundles[0]; !b.Ordered || len(b.Signers) != 1 || b.Signers[0] != want {
		t.Errorf("bundle = %+v, want %+v and ordered", b, want)
	}
	f("signers: [{key_id: ci, public_key: a, algorithm: EdDSA, scope: write}, {key_id: ci-2, public_key: a, algorithm: ES256}]")
	f("signers: []", "signers: is empty: name at least one signer")
	f("signers: [{public_key: a}]", "signers[0].key_id: is missing")
	f("signers: [{key_id: a}]", "signers[0].public_key: is missing")
	f("signers: [{key_id: a, public_key: a}, {key_id: a, public_key: b}]", `signers[1].key_id: "a" is given twice`)
	f("signers: [{key_id: 'a b', public_key: a}]", "signers[0].key_id: ")
	f("signers: [{key_id: a, public_key: 'https://a/b'}]", "signers[0].public_key: ")
	f(`signers: [{key_id: a, public_key: "-----BEGIN PUBLIC KEY-----\nAAAA"}]`, "signers[0].public_key: is a secret or a key")
	f("signers: [{key_id: a, public_key: a, algorithm: HS256}]", `signers[0].algorithm: "HS256" is not supported: whoever can verify with a shared secret can sign`)
	f("signers: [{key_id: a, public_key: a, algorithm: none}]", `signers[0].algorithm: "none" is not supported`)
	f("signers: [{key_id: a, public_key: a, algorithm: RS265}]", `signers[0].algorithm: "RS265" is not supported: want one of`)
	f(`signers: [{key_id: a, public_key: a, scope: "a\nb"}]`, "signers[0].scope: ")
	f("signers: [{key_id: a, public_key: a, key: b}]", "signers[0].key")
	f("signers: ci.pem", "signers")
	f("ordered: 1", "ordered")
}

func TestSigningAlgorithms(t *testing.T) {
	if got, want := SigningAlgorithms(), bundle.SigningAlgorithms(); !slices.Equal(got, want) {
		t.Errorf("algorithms = %v, and those of bundles are %v", got, want)
	}
}
