package config

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// No file makes the reader panic, and one that is accepted is valid, can be described,
// and reads the same again.
func FuzzParseFile(f *testing.F) {
	f.Add(fullFile)
	f.Add(minimalFile)
	f.Add("issuers: none\nbundles: [{path: b}]")
	f.Add("a: &a [*a]")
	f.Add("? {a: b}\n: c")
	f.Add("http: {listen: 'unix:///a', tls: {client_sans: [a]}}")
	f.Add("issuers: [{claims: {org: {id: /a~1}}, authorized_parties: [any]}]")
	f.Add("limits: {token: 9223372036854775807GiB}")
	f.Add("\ufeff%YAML 1.1\n--- !!map {}\n...")
	f.Fuzz(func(t *testing.T, text string) {
		c, r := Default(), &report{}
		ok := parseFile("f", []byte(text), c, r)
		c.check(r, false)
		err := r.err()
		if !ok && err == nil {
			t.Fatalf("parseFile(%q) = false without a mistake", text)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Fatalf("mistakes of %q = %q, want no control characters", text, err)
		}
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("Validate after %q = %v, want nil", text, err)
		}
		if err := c.Describe(&bytes.Buffer{}); err != nil {
			t.Fatalf("Describe after %q = %v, want nil", text, err)
		}
		c.Warnings()
	})
}

func FuzzSettings(f *testing.F) {
	f.Add("127.0.0.1:1")
	f.Add("any")
	f.Add("none")
	f.Add("https://[::1%25eth0]:1/x")
	f.Add("unix:///x")
	if seeds, err := os.ReadFile("scalar_test.go"); err == nil {
		for _, s := range strings.Split(string(seeds), `"`) {
			if len(s) < 64 {
				f.Add(s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if size, err := ParseSize(text); err == nil {
			if again, err := ParseSize(size.String()); err != nil || again != size {
				t.Fatalf("ParseSize(%q) = %v, written and read again %v, %v", text, size, again, err)
			}
		}
		if address, err := ParseAddress(text); err == nil {
			if again, err := ParseAddress(address.String()); err != nil || again != address {
				t.Fatalf("ParseAddress(%q) = %v, written and read again %v, %v", text, address, again, err)
			}
		}
		for _, s := range Settings() {
			if s.Flag == flagConfig {
				continue
			}
			_, err := Load(&Flags{given: map[string][]string{s.Flag: {text}}}, []string{s.Env + "=" + text})
			if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' }) {
				t.Fatalf("Load with --%s=%q = %q, want no control characters", s.Flag, text, err)
			}
		}
	})
}
