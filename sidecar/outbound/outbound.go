// Package outbound is what the clients of other servers have in common: those that fetch
// bundles, upload the decision log and report telemetry.
package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/sidecar/phrase"
	"postern/sidecar/secretfile"
)

// Files are paths of PEM files: the authorities that a server's certificate needs, where
// empty the system's, and the certificate with its key that the server is shown, where empty
// none.
type Files struct{ CA, Cert, Key string }

// TLS reads the files. The certificate and its key are read again at each handshake, so that
// a replaced pair counts from the next one on; new authorities need another call. An error
// names the file.
func (f Files) TLS() (*tls.Config, error) {
	authorities, err := f.authorities()
	if err != nil {
		return nil, err
	}
	return f.config(authorities)
}

// authorities is the text of the file that they are in; nil where the system's hold.
func (f Files) authorities() ([]byte, error) {
	if f.CA == "" {
		return nil, nil
	}
	text, _, err := secretfile.Read(f.CA)
	return text, err
}

func (f Files) config(authorities []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("%s: no certificate in it", f.CA)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("a certificate and its key belong together, and one is missing")
	}
	if f.Cert == "" {
		return config, nil
	}
	if _, err := f.pair(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.pair() }
	return config, nil
}

func (f Files) pair() (*tls.Certificate, error) {
	cert, _, err := secretfile.Read(f.Cert)
	if err != nil {
		return nil, err
	}
	key, _, err := secretfile.Read(f.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	return &pair, nil
}

// Bearer reads the value of the Authorization header that shows the token in a file. A file
// with anything else in it is an error: what is sent must be the one secret that was meant.
// The error names the file, and has nothing of what is in it.
func Bearer(path string) (string, error) {
	text, _, err := secretfile.Read(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: want one token, and nothing else", phrase.OneLine(path))
	}
	return "Bearer " + token, nil
}

// RetryAfter reads how long a server wants not to be asked (RFC 9110 section 10.2.3), at
// most a longest time: 0 where it says nothing, or nothing that can be read.
func RetryAfter(header http.Header, now time.Time, most time.Duration) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return most
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// Backoff is how long to wait after a failure that came after others: the first wait, twice
// as long for each of those, at most the longest, and any part of its second half, so that
// many who failed at once do not come back at once.
func Backoff(before int, first, longest time.Duration) time.Duration {
	wait := first
	for n := 0; n < before && wait < longest; n++ {
		wait *= 2
	}
	wait = min(wait, longest)
	return wait - rand.N(wait/2+1)
}

// Loopback reports whether a host without its port is this machine by its spelling alone: a
// loopback address, or localhost.
func Loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Shown is a URL without its user, query and fragment, which may be secrets.
func Shown(u *url.URL) string {
	if u == nil {
		return "a URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
