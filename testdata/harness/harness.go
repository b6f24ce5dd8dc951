// Package harness is what tests of a real Postern share: files, a log that is read while it
// is written, a key and tokens of its issuer, configurations.
package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/sidecar/token/mint"
)

// Issuer is the iss of the tokens that [Sign] makes.
const Issuer = "https://clerk.example.com"

// Key is one key for all tests: making one takes a while.
var Key = sync.OnceValue(func() *mint.Key {
	key, err := mint.NewKey("ins_1")
	if err != nil {
		panic(err)
	}
	return key
})

// JWKS writes the key set of keys below dir.
func JWKS(t testing.TB, dir string, keys ...*mint.Key) (path string) {
	t.Helper()
	set, err := mint.JWKS(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return Write(t, dir, "jwks.json", string(set))
}

// Claims are a fresh token's, with changes; a nil value takes a claim away.
func Claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": Issuer, "sub": "user_1", "sid": "sess_1", "azp": "https://app.example.com",
		"iat": now - 5, "nbf": now - 10, "exp": now + 3600, "v": 2, "fva": []int{3, -1}, "sts": "active",
		"o":   map[string]any{"id": "org_acme", "slg": "acme", "rol": "admin", "per": "read,export", "fpm": "3"},
		"fea": "o:reports", "pla": "o:pro",
	}
	for name, v := range changes {
		if v == nil {
			delete(claims, name)
		} else {
			claims[name] = v
		}
	}
	return claims
}

// Sign makes a session token with these changes to [Claims].
func Sign(t testing.TB, changes map[string]any) string {
	t.Helper()
	raw, err := Key().Sign(Claims(changes))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Write makes a file below dir.
func Write(t testing.TB, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Load reads a configuration file.
func Load(t testing.TB, path string) *config.Config {
	t.Helper()
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(&flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Eventually polls until done, or fails after a while that only what is broken needs.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("it never came true that %s", what)
}

// A Log may be read while it is written. The zero value is empty.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
