package bundle

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	opa "github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"
)

// rsaKey and otherKey are for all tests: making one takes a while.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func privatePEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func publicPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// releases is the signer that the tests trust.
func releases(t testing.TB) Signer {
	return Signer{KeyID: "releases", Algorithm: "RS256", Key: publicPEM(t, rsaKey())}
}

func releaseKey(t testing.TB) SigningKey {
	return SigningKey{KeyID: "releases", Algorithm: "RS256", Key: privatePEM(t, rsaKey())}
}

// now is the time of the tests.
var now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func clock() time.Time { return now }

// listed is the list of files that a signature of content has, hashed by OPA.
func listed(t testing.TB, content files) []opa.FileInfo {
	t.Helper()
	hasher, err := opa.NewSignatureHasher(opa.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var list []opa.FileInfo
	for _, name := range slices.Sorted(maps.Keys(content)) {
		var value any = []byte(content[name])
		if opa.IsStructuredDoc(name) {
			if err := util.Unmarshal([]byte(content[name]), &value); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		sum, err := hasher.HashFile(value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, opa.NewFile(name, hex.EncodeToString(sum), "SHA-256"))
	}
	return list
}

// A forgery is a signature file that is made by hand. What is empty is as it should be.
type forgery struct {
	header string         // the whole of it
	claims string         // behind the files, with a comma before it
	list   []opa.FileInfo // the files
	names  string         // the whole payload
	sign   func(text []byte) []byte
}

func rs256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(text []byte) []byte {
		sum := sha256.Sum256(text)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func ps256(key *rsa.PrivateKey) func([]byte) []byte {
	return func(text []byte) []byte {
		sum := sha256.Sum256(text)
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
		if err != nil {
			panic(err)
		}
		return signature
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(text []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(text)
		return mac.Sum(nil)
	}
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// token is the JWT of a forgery over content.
func (f forgery) token(t testing.TB, content files) string {
	t.Helper()
	if f.header == "" {
		f.header = `{"alg":"RS256","kid":"releases"}`
	}
	if f.list == nil {
		f.list = listed(t, content)
	}
	if f.sign == nil {
		f.sign = rs256(rsaKey())
	}
	list, err := json.Marshal(f.list)
	if err != nil {
		t.Fatal(err)
	}
	if f.names == "" {
		f.names = fmt.Sprintf(`{"files":%s%s}`, list, f.claims)
	}
	text := encode(f.header) + "." + encode(f.names)
	return text + "." + base64.RawURLEncoding.EncodeToString(f.sign([]byte(text)))
}

// over is content with the signature file of a forgery.
func (f forgery) over(t testing.TB, content files) files {
	t.Helper()
	return with(content, SignaturesName, fmt.Sprintf(`{"signatures": [%q]}`, f.token(t, content)))
}

// with is content with pairs of names and texts put in; the text "-" takes a file out.
func with(content files, pairs ...string) files {
	c := maps.Clone(content)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			delete(c, pairs[i])
		} else {
			c[pairs[i]] = pairs[i+1]
		}
	}
	return c
}

// bothWays calls f with content as a directory and as an archive.
func bothWays(t *testing.T, content files, f func(t *testing.T, source Source)) {
	t.Helper()
	t.Run("directory", func(t *testing.T) { f(t, Source{Name: "policies", Path: directory(t, content)}) })
	t.Run("archive", func(t *testing.T) { f(t, Source{Name: "policies", Archive: archived(t, content)}) })
}

// refusedBy checks that content is refused for all of want by signers, both ways.
func refusedBy(t *testing.T, name string, signers []Signer, content files, want ...string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		bothWays(t, content, func(t *testing.T, source Source) {
			t.Helper()
			source.Signers, source.Now = signers, clock
			b, err := LoadSources(t.Context(), DefaultLimits(), []Source{source})
			if err == nil || b != nil {
				t.Fatalf("LoadSources = %+v, %v, want %q", b, err, want)
			}
			for _, w := range append(want, `bundle "policies": `) {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("LoadSources = %q, want %q", err, w)
				}
			}
		})
	})
}

// takenBy checks that content is accepted by signers, both ways.
func takenBy(t *testing.T, name string, signers []Signer, content files) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		bothWays(t, content, func(t *testing.T, source Source) {
			t.Helper()
			source.Signers, source.Now = signers, clock
			if _, err := LoadSources(t.Context(), DefaultLimits(), []Source{source}); err != nil {
				t.Errorf("LoadSources: %v", err)
			}
		})
	})
}
