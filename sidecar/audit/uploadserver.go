package audit

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"

	"postern/sidecar/secretfile"
)

// uploadURL is where to send, in OPA's way: a URL with a path is taken as it is, and else its
// service is asked at /logs.
func uploadURL(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%s is no URL to send to", shownURL(to))
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/logs"
	}
	return u.String(), nil
}

// shownURL is a URL without its query and its user, which may be secrets.
func shownURL(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "a URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func (u Upload) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if u.CA != "" {
		pem, _, err := secretfile.Read(u.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", u.CA)
		}
	}
	if u.Cert == "" {
		return c, nil
	}
	read := func() (*tls.Certificate, error) {
		cert, _, err := secretfile.Read(u.Cert)
		if err != nil {
			return nil, err
		}
		key, _, err := secretfile.Read(u.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		return &pair, err
	}
	if _, err := read(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	return c, nil
}
