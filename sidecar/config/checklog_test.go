package config

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Each line is added to a file that is good without it.
func TestLoad_decisionLog(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+line+"\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("decision_log: https://log.example")
	f("decision_log: http://127.0.0.1:1/v1/logs?partition=a")
	f("decision_log: {to: /var/log/d.jsonl, required: true, sample: {allow: 0.1, deny: 1, other: 0}, buffer: 1MiB}")
	f("decision_log: {to: d.jsonl, rotate: {size: 4KiB, keep: 0, age: 48h, compress: true}}")
	f("decision_log: {to: d.jsonl, rotate: {size: 0}}")
	f("decision_log: {to: 'https://log.example', upload: {token_file: t, tls: {ca: a, cert: c, key: k}, chunk: 64KiB, min_delay: 10ms, max_delay: 1s, timeout: 1s}}")

	f("decision_log: https://user:pw@log.example", `15: decision_log.to: "https://…@log.example" must not carry a user or a password`)
	f("decision_log: ftp://log.example", `15: decision_log.to: "ftp://log.example" has the wrong scheme: want https, http`)
	f("decision_log: {required: true}", "26: decision_log.required: needs decision_log.to: nothing would be allowed")
	f("decision_log: {to: 'http://log.example', upload: {token_file: t}}", "20: decision_log.to: would send the token of upload.token_file without TLS: want https")
	f("decision_log: {to: 'http://localhost', upload: {token_file: t}}")
	f("decision_log: {to: a, sample: {allow: 2}}", `39: decision_log.sample.allow: "2" is no share: want a number from 0 to 1`)
	f("decision_log: {to: a, buffer: 1KiB}", "31: decision_log.buffer: 1KiB is not from 64KiB to 1GiB")
	f("decision_log: {to: a, rotate: {size: 1KiB}}", "38: decision_log.rotate.size: 1KiB is less than 4KiB; 0 is never")
	f("decision_log: {to: a, rotate: {keep: -1}}", `38: decision_log.rotate.keep: "-1" is no whole number`)
	f("decision_log: {to: 'https://a', upload: {chunk: 1}}", "49: decision_log.upload.chunk: 1 is not from 1KiB to 64MiB")
	f("decision_log: {to: 'https://a', upload: {min_delay: 2m}}", "41: decision_log.upload.max_delay: 1m0s is less than min_delay, 2m0s")
	f("decision_log: {to: 'https://a', upload: {timeout: 0s}}", "51: decision_log.upload.timeout: 0s is not from 1ms to 24h0m0s")
	f("decision_log: {to: 'https://a', upload: {tls: {cert: c}}}", "47: decision_log.upload.tls.key: is missing beside cert")
}

// TestLoad_labels: labels have names and texts of one's own, within bounds, and say no secret.
func TestLoad_labels(t *testing.T) {
	f := func(labels string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+"decision_log: {to: 'https://a', upload: {labels: "+labels+"}}\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	const key = "decision_log.upload.labels"
	f("{region: eu-1, app.kubernetes.io/name: gate, '7': x, Größe: 'a b'}")
	f("{}")
	f("[a]", "50: "+key+": want a mapping of names to texts, not a list")
	f("{a: 1}", "54: "+key+`.a: want text, "1" is a number: put it in quotes`)
	f("{7: x}", "51: "+key+": a name must be text: put it in quotes")
	f("{a: [b]}", "54: "+key+".a: want text, not a list")
	f("{a: b, a: c}", "57: "+key+".a: is given twice")
	f("{a: ''}", "54: "+key+".a: is empty: leave it out, or give it a value")
	f("{a: }", "54: "+key+".a: has no value: leave the key out, or give it one")
	f("{'': a}", "55: "+key+`.: a name has control characters, or nothing`)
	f(`{"a\nb": a}`, "59: "+key+".a value of 3 bytes: a name has control characters, or nothing")
	f(`{a: "b\nc"}`, "54: "+key+".a: has control characters, or nothing")
	for _, own := range []string{"id", "app", "version"} {
		f("{"+own+": a}", fmt.Sprintf("%d: %s.%s: is Postern's own: app, id, version are", 53+len(own), key, own))
	}
	f("{a: eyJhbGciOiJSUzI1NiJ9.e30.c2ln}", "54: "+key+".a: is a secret or a key: labels are for everybody who reads the log")
	f("{a: " + strings.Repeat("x", 1023) + "}")
	f("{a: "+strings.Repeat("x", 1024)+"}", "50: "+key+": are 1 with 1025 bytes: at most 32 with 1024 bytes go with each record")
	var many strings.Builder
	for n := range 33 {
		fmt.Fprintf(&many, "l%d: x, ", n)
	}
	f("{"+many.String()+"}", "50: "+key+": are 33 with 122 bytes: at most 32 with 1024 bytes go with each record")
}

// TestDescribe_labels: each label is shown, with where it was said.
func TestDescribe_labels(t *testing.T) {
	c := mustLoad(t, minimalFile+"decision_log: {to: 'https://a', upload: {labels: {region: eu, pod: a}}}\n", nil, nil)
	got := c.Values()
	for name, want := range map[string]Value{
		"decision_log.upload.labels.pod": {"a", "postern.yaml:6:68"}, "decision_log.upload.labels.region": {"eu", "postern.yaml:6:59"},
	} {
		if got[name] != want {
			t.Errorf("%s = %+v, want %+v", name, got[name], want)
		}
	}
}

// A Config that was made otherwise is held to the same.
func TestValidate_decisionLog(t *testing.T) {
	for _, share := range []Share{-0.1, 1.5, Share(math.NaN())} {
		c := mustLoad(t, "", nil, minimal)
		c.DecisionLog.Sample.Deny = share
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "decision_log.sample.deny") {
			t.Errorf("a share of %v: %v", share, err)
		}
	}
}

func TestWarnings_decisionLog(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		c := mustLoad(t, minimalFile+line+"\n", nil, nil)
		if got := strings.Join(c.Warnings(), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant:\n%s", line, got, strings.Join(want, "\n"))
		}
	}
	f("decision_log: {to: 'http://log.example'}", "postern.yaml:6:20: decision_log.to: who did what is sent in the open, without TLS")
	f("decision_log: {to: 'http://[::1]:80'}")
	f("decision_log: {to: stdout, rotate: {keep: 1}}", "postern.yaml:6:36: decision_log.rotate: decision_log.to is no file; it has no effect")
	f("decision_log: {to: d, upload: {chunk: 1MiB}}", "postern.yaml:6:31: decision_log.upload: decision_log.to is no URL; it has no effect")
	f("decision_log: {sample: {deny: 1}, buffer: 1MiB}",
		"postern.yaml:6:24: decision_log.sample: decision_log.to is none; it has no effect", "postern.yaml:6:43: decision_log.buffer: decision_log.to is none; it has no effect")
}
