package config

import (
	"strings"
	"testing"
)

func TestCheck_shadow(t *testing.T) {
	f := func(more string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+more, nil, nil)
		wantMistakes(t, err, want...)
	}
	f("shadow: {bundles: [{path: next}]}\n")
	f("shadow: {bundles: [{path: next}, {path: more}], sample: 1, deadline: 1s}\n")
	f("shadow: {bundles: [{url: \"https://a.example/b.tar.gz\", signers: [{key_id: a, public_key: a.pem}], ordered: true, poll: {min: 1s}}]}\n")
	f("shadow: {bundles: [{}]}\n", "postern.yaml:6:20: shadow.bundles[0]: needs exactly one of path and url")
	f("shadow: {bundles: [{path: next, token_file: t}]}\n", "postern.yaml:6:45: shadow.bundles[0].token_file: is for a bundle with a url")
	f("shadow: {bundles: [{path: next, signers: []}]}\n", "postern.yaml:6:42: shadow.bundles[0].signers: is empty: name at least one signer, or leave it out for a bundle that is not signed")
	f("shadow: {bundles: [{url: \"https://a.example/b.tar.gz\", max_age: 1h, stale: deny}]}\n",
		"postern.yaml:6:65: shadow.bundles[0].max_age: has no effect in a shadow, which no answer waits for",
		"postern.yaml:6:76: shadow.bundles[0].stale: has no effect in a shadow, which no answer waits for")
	f("shadow: {bundles: [{path: next}, {path: ./next}]}\n", `postern.yaml:6:34: shadow.bundles[1]: "next" is given twice`)
	f("shadow: {bundles: [{path: next}], deadline: 0s}\n", "postern.yaml:6:45: shadow.deadline: must be more than 0")
	f("shadow: {bundles: [{path: next}], sample: 2}\n", "postern.yaml:6:43: shadow.sample: \"2\" is no share: want a number from 0 to 1")
}

func TestWarnings_shadow(t *testing.T) {
	f := func(more, want string) {
		t.Helper()
		c := mustLoad(t, minimalFile+more, nil, nil)
		got := strings.Join(c.Warnings(), "\n")
		if want == "" && (strings.Contains(got, "shadow") || strings.Contains(got, "decision_log")) || !strings.Contains(got, want) {
			t.Errorf("%s: warnings %q, want %q", more, got, want)
		}
	}
	f("shadow: {bundles: [{path: next}]}\n", "")
	f("shadow: {sample: 0.5}\n", "shadow: names no bundles; it has no effect")
	f("shadow: {bundles: [{path: next}], sample: 0}\n", "shadow.sample: 0: nothing is put to the shadow")
	f("decision_log: {input: true}\n", "decision_log.input: decision_log.to is none; it has no effect")
	f("decision_log: {to: stdout, input: true}\n", "the log holds sessions with their claims")
}
