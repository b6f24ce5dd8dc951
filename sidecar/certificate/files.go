package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/sidecar/secretfile"
)

// loaded is what was read of the files, beside what TLS needs of it.
type loaded struct {
	at                  time.Time
	chain               []*x509.Certificate
	clients             []*x509.Certificate
	exposed             bool // everybody can read the private key
	digest, authorities [sha256.Size]byte
}

// read reads and checks all files.
func (i *Identity) read() (*generation, error) {
	o := i.options
	cert, _, err := secretfile.Read(o.Cert)
	if err != nil {
		return nil, err
	}
	key, exposed, err := secretfile.Read(o.Key)
	if err != nil {
		return nil, err
	}
	g := &generation{loaded: loaded{exposed: exposed}}
	pair, err := keyPair(o, cert, key)
	if err != nil {
		return nil, err
	}
	if g.loaded.chain, err = certificates(o.Cert, cert); err != nil {
		return nil, err
	}
	g.config = &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   o.MinVersion,
		NextProtos:   []string{o.Protocol},
	}
	var ca []byte
	if o.ClientCA != "" {
		if ca, _, err = secretfile.Read(o.ClientCA); err != nil {
			return nil, err
		}
		if g.loaded.clients, err = authorities(o.ClientCA, ca); err != nil {
			return nil, err
		}
		g.authorities = x509.NewCertPool()
		for _, c := range g.loaded.clients {
			g.authorities.AddCert(c)
		}
		g.config.ClientAuth = tls.RequireAndVerifyClientCert
		g.config.ClientCAs = g.authorities
		g.config.VerifyConnection = i.verify
	}
	g.loaded.authorities = sha256.Sum256(ca)
	g.loaded.digest = digest(cert, key, ca)
	return g, nil
}

// digest is that of several texts, which cannot be cut another way.
func digest(texts ...[]byte) [sha256.Size]byte {
	var sums []byte
	for _, t := range texts {
		sum := sha256.Sum256(t)
		sums = append(sums, sum[:]...)
	}
	return sha256.Sum256(sums)
}

// keyPair reads a chain and its private key. The library's errors name neither file.
func keyPair(o Options, cert, key []byte) (tls.Certificate, error) {
	if block, _ := pem.Decode(key); block == nil {
		return tls.Certificate{}, fmt.Errorf("read %s: there is no PEM block in it", o.Key)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read %s with %s: %w", o.Cert, o.Key, err)
	}
	return pair, nil
}

// certificates are all in a PEM file. Text around the blocks is ignored, as openssl writes
// it; blocks of another kind, or that cannot be read, are errors.
func certificates(path string, text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("read %s: it has a block %q, where certificates belong", path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read %s: certificate %d: %w", path, len(all)+1, err)
		}
		all = append(all, c)
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("read %s: there is no certificate in it", path)
	case len(all) < begun: // the library passes over what it cannot read
		return nil, fmt.Errorf("read %s: %d of %d PEM blocks cannot be read", path, begun-len(all), begun)
	}
	return all, nil
}

// authorities are certificates that can sign others.
func authorities(path string, text []byte) ([]*x509.Certificate, error) {
	all, err := certificates(path, text)
	if err != nil {
		return nil, err
	}
	var errs []error
	for n, c := range all {
		if !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
			errs = append(errs, fmt.Errorf("read %s: certificate %d, %s, is no authority", path, n+1, c.Subject))
		}
	}
	return all, errors.Join(errs...)
}

// Status is what there is to know about an identity.
type Status struct {
	Cert string `json:"cert"`
	// NotBefore and NotAfter are when the chain is good, all of it.
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	// ClientAuthorities are the subjects of those that clients need a certificate of.
	ClientAuthorities []string `json:"client_authorities,omitzero"`
	// Notes are what is wrong and no reason to refuse the files.
	Notes    []string  `json:"notes,omitzero"`
	LoadedAt time.Time `json:"loaded_at,omitzero"`
	// LastError is why the last load changed nothing, empty if it was good.
	LastError string `json:"last_error,omitzero"`
}

// Status describes the identity as it is now.
func (i *Identity) Status() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.status
}

// soon is how long before its end a certificate is warned of.
const soon = 7 * 24 * time.Hour

// status describes a generation, but for when it was loaded.
func (g *generation) status(o Options, now time.Time) Status {
	s := Status{Cert: o.Cert, NotAfter: earliestEnd(g.loaded.chain)}
	for _, c := range g.loaded.chain {
		if c.NotBefore.After(s.NotBefore) {
			s.NotBefore = c.NotBefore
		}
	}
	note := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	switch ends := s.NotAfter.UTC().Format(time.RFC3339); {
	case now.After(s.NotAfter):
		note("%s has expired at %s", o.Cert, ends)
	case now.Add(soon).After(s.NotAfter):
		note("%s expires at %s", o.Cert, ends)
	}
	if now.Before(s.NotBefore) {
		note("%s is not good before %s", o.Cert, s.NotBefore.UTC().Format(time.RFC3339))
	}
	if leaf := g.loaded.chain[0]; !forServers(leaf) {
		note("%s is not for servers: its extended key usage says so", o.Cert)
	}
	if g.loaded.exposed {
		note("%s can be read by everybody on this machine", o.Key)
	}
	for _, c := range g.loaded.clients {
		s.ClientAuthorities = append(s.ClientAuthorities, c.Subject.String())
		if now.After(c.NotAfter) {
			note("%s: the authority %s has expired at %s", o.ClientCA, c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return s
}

func forServers(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
