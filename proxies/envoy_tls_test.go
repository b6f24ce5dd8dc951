package proxies

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/testdata/harness"
)

// namedPostern is the name that the configuration of TLS wants Postern's certificate to have.
func namedPostern(c *x509.Certificate) { c.DNSNames = []string{"postern.example"} }

// securedSetting is a Postern whose gRPC listener wants a certificate of the authority, with
// the name envoy.example.
func securedSetting(t testing.TB, a *harness.Authority) setting {
	t.Helper()
	dir, pair := t.TempDir(), a.Server(t, namedPostern)
	cert, key := write(t, dir, "tls.crt", pair.Cert), write(t, dir, "tls.key", pair.Key)
	return setting{grpcTLS: "{cert: " + cert + ", key: " + key + ", client_ca: " + write(t, dir, "ca.crt", a.PEM) + ", client_sans: [envoy.example]}"}
}

// envoyTLS is Envoy that asks over gRPC under TLS, with a certificate, and trusts an authority.
func envoyTLS(t testing.TB, a *harness.Authority, pair harness.Pair) proxy {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "tls.crt", pair.Cert)
	write(t, dir, "tls.key", pair.Key)
	write(t, dir, "ca.crt", a.PEM)
	socket, err := os.ReadFile(filepath.Join("..", "testdata", "proxies", "envoy-tls", "transport_socket.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(socket), "/etc/envoy/postern", dir)
	const cluster = "    - name: postern\n"
	return envoy("envoy-grpc", cluster, cluster+"      "+strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")+"\n")
}

// TestEnvoy_mTLS: Envoy asks over gRPC under TLS as it does without, and is told nothing
// where either side's certificate is not good.
func TestEnvoy_mTLS(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	good := a.Client(t, "envoy.example")
	t.Run("good", func(t *testing.T) {
		s := play(t, envoyTLS(t, a, good), securedSetting(t, a))
		suiteIdentity(t, s)
		suiteSpoofed(t, s)
		suiteDenied(t, s)
	})
	other := harness.NewAuthority(t, "other")
	for _, test := range []struct {
		name    string
		envoy   harness.Pair
		trusted *harness.Authority
	}{
		{"a client of another authority", other.Client(t, "envoy.example"), a},
		{"a client with another name", a.Client(t, "app.example"), a},
		{"a Postern of another authority", good, other},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := playUnready(t, envoyTLS(t, test.trusted, test.envoy), securedSetting(t, a))
			s.expect(403, "GET", "/public/x")
			s.expect(403, "GET", "/reports/7", bearer(sign(t, nil))...)
		})
	}
}
