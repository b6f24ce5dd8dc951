package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	PEM  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// A Pair is a certificate and its private key, in PEM and as Go's clients take them.
type Pair struct {
	Cert, Key string
	TLS       tls.Certificate
}

// NewAuthority makes an authority, with changes to its certificate.
func NewAuthority(t testing.TB, name string, changes ...func(*x509.Certificate)) *Authority {
	t.Helper()
	c := template(t, name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	for _, change := range changes {
		change(c)
	}
	a := &Authority{}
	a.cert, a.key, a.PEM = signed(t, c, nil)
	return a
}

// Pool is what a client that trusts the authority knows.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Server issues a certificate of a server on this machine.
func (a *Authority) Server(t testing.TB, changes ...func(*x509.Certificate)) Pair {
	t.Helper()
	c := template(t, "server")
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.issue(t, c, changes)
}

// Client issues a certificate of the client with this DNS name.
func (a *Authority) Client(t testing.TB, name string, changes ...func(*x509.Certificate)) Pair {
	t.Helper()
	c := template(t, name)
	c.DNSNames = []string{name}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(t, c, changes)
}

func (a *Authority) issue(t testing.TB, c *x509.Certificate, changes []func(*x509.Certificate)) Pair {
	t.Helper()
	c.KeyUsage = x509.KeyUsageDigitalSignature
	for _, change := range changes {
		change(c)
	}
	_, key, text := signed(t, c, a)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := Pair{Cert: text, Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	if p.TLS, err = tls.X509KeyPair([]byte(p.Cert), []byte(p.Key)); err != nil {
		t.Fatal(err)
	}
	return p
}

func template(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
	}
}

// signed makes a key for c and has a sign it, or the key itself where a is nil.
func signed(t testing.TB, c *x509.Certificate, a *Authority) (*x509.Certificate, *ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := c, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
