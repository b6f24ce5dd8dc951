package config

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// minimal is the least that serve accepts, without a file.
var minimal = []string{"--bundle=b", "--issuer=https://i.example", "--jwks=k.json", "--authorized-party=https://app.example"}

// minimalFile is the same in a file.
const minimalFile = `bundles: [{path: b}]
issuers:
- issuer: https://i.example
  jwks: k.json
  authorized_parties: [https://app.example]
`

// load runs Load in a directory where postern.yaml is file, unless that is empty.
func load(t *testing.T, file string, environ, args []string) (*Config, error) {
	t.Helper()
	if file != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("postern.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config=postern.yaml"}, args...)
	}
	return Load(parseFlags(t, args), environ)
}

func parseFlags(t *testing.T, args []string) *Flags {
	t.Helper()
	var flags Flags
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &flags
}

// mustLoad is load without a mistake.
func mustLoad(t *testing.T, file string, environ, args []string) *Config {
	t.Helper()
	c, err := load(t, file, environ, args)
	if err != nil {
		t.Fatalf("Load = %v, want no error", err)
	}
	return c
}

// wantMistakes compares an error's lines, all of them.
func wantMistakes(t *testing.T, err error, want ...string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != strings.Join(want, "\n") {
		t.Fatalf("mistakes:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// logTo is the decision log where only its destination is said.
func logTo(to string) DecisionLog {
	l := defaultDecisionLog()
	l.To = to
	return l
}

// pathOf is a bundle of which only its path is said.
func pathOf(path string) Bundle {
	b := DefaultBundle()
	b.Path = path
	return b
}
