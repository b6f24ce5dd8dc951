package audit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/testdata/harness"
)

// TestUpload_tls: the server needs one of the authorities, and is shown the certificate.
func TestUpload_tls(t *testing.T) {
	s := &taker{t: t, header: http.Header{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	put := func(name, kind string, der []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.Upload.Cert, o.Upload.Key = put("cert.pem", "CERTIFICATE", der), put("key.pem", "PRIVATE KEY", keyDER)

	stranger := opened(t, o) // to whom the system's authorities are not those of the server
	stranger.Write(&Record{ID: "a", Time: time.Now()})
	eventually(t, "the server is not trusted", func() bool { return stranger.Status().Failing })

	o.Upload.CA = put("ca.pem", "CERTIFICATE", s.Certificate().Raw)
	l := opened(t, o)
	l.Write(&Record{ID: "b", Time: time.Now()})
	shut(l)
	if s.got() != 1 || s.events[0].DecisionID != "b" || s.requests[0].TLS.PeerCertificates[0].SerialNumber.Int64() != 7 {
		t.Errorf("%d events, %+v", s.got(), l.Status())
	}
	stranger.giveUp()
}

// TestUpload_replacedAuthorities: a server whose authority came after the start is trusted
// without a restart.
func TestUpload_replacedAuthorities(t *testing.T) {
	s := &taker{t: t, header: http.Header{}}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	o := s.options()
	o.Upload.CA = harness.Write(t, dir, "ca.pem", harness.NewAuthority(t, "before").PEM)
	l := opened(t, o)
	l.Write(&Record{ID: "a", Time: time.Now()})
	eventually(t, "the server is not trusted", func() bool { return l.Status().Failing })
	harness.Write(t, dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	eventually(t, "the server is trusted", func() bool { return s.got() == 1 })
	shut(l)
}
