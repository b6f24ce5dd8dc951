// Package certificate is TLS for listeners: the certificate that a listener shows, the
// authorities that its clients' certificates need, and their replacement while it serves.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what an [Identity] is made of.
type Options struct {
	// Cert and Key are the paths of the chain and of its private key, PEM.
	Cert, Key string
	// ClientCA is the path of the authorities that clients' certificates need, PEM. Where it
	// is empty clients are not asked for one.
	ClientCA string
	// ClientSANs are the subject alternative names of which a client's certificate needs
	// one; where there are none, every certificate of the authorities is good.
	ClientSANs []string
	// MinVersion is the oldest version of TLS that is spoken.
	MinVersion uint16
	// Protocol is the one that is spoken over TLS, by its ALPN name (RFC 7301). HTTP/1.1 is
	// spoken too with clients that do not say.
	Protocol string
	// Failed is told of every handshake that failed; nil is nobody.
	Failed func(client net.Addr, err error)
}

// The protocols that listeners speak.
const (
	HTTP1 = "http/1.1"
	HTTP2 = "h2"
)

// An Identity is how one listener proves itself and whom it lets in. [Identity.Load] must
// have succeeded once before anything else but [Identity.Paths].
type Identity struct {
	options Options
	sans    []san

	turn    sync.Mutex // keeps loads from overlapping
	current atomic.Pointer[generation]

	mu     sync.Mutex // guards open, status, and the change of current
	open   map[*Conn]struct{}
	status Status
}

// A generation is what one load of the files gave. Session tickets belong to it: its
// configuration has keys of its own, so that none outlives the authorities that it was
// issued under.
type generation struct {
	config      *tls.Config
	authorities *x509.CertPool // nil where clients are not asked for certificates
	loaded      loaded
}

// New makes an Identity. Nothing is read yet.
func New(o Options) *Identity {
	i := &Identity{options: o, open: map[*Conn]struct{}{}, status: Status{Cert: o.Cert}}
	for _, text := range o.ClientSANs {
		i.sans = append(i.sans, parseSAN(text))
	}
	return i
}

// Paths are the files that the identity is read from, for whoever watches them.
func (i *Identity) Paths() []string {
	paths := []string{i.options.Cert, i.options.Key}
	if i.options.ClientCA != "" {
		paths = append(paths, i.options.ClientCA)
	}
	return paths
}

// Load reads the files now. Connections that are made from now on meet what is in them;
// open ones whose client they would not let in are closed, as are those whose client's
// certificate has expired. An error names a file and the cause, and changes nothing but the
// status.
func (i *Identity) Load(now time.Time) error {
	i.turn.Lock()
	defer i.turn.Unlock()
	next, err := i.read()
	if err != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.status.LastError = err.Error()
		return err
	}
	if current := i.current.Load(); current != nil && current.loaded.digest == next.loaded.digest {
		next = current
	}
	i.publish(next, now)
	return nil
}

// publish makes g the current generation and closes the connections that it would refuse.
func (i *Identity) publish(g *generation, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	previous := i.current.Swap(g)
	changed := previous != nil && previous.loaded.authorities != g.loaded.authorities
	for c := range i.open {
		if changed {
			c.until, _ = g.accepts(c.chain, now) // the zero time where it does not
		}
		if !now.Before(c.until) {
			delete(i.open, c)
			// The peer is to be told nothing that it could hold up by not reading it.
			_ = c.raw.Close()
		}
	}
	i.status = g.status(i.options, now)
	if previous == g {
		i.status.LoadedAt = g.loaded.at
	} else {
		g.loaded.at, i.status.LoadedAt = now, now
	}
}

// accepts reports until when a client's certificate is good, or why it is not.
func (g *generation) accepts(chain []*x509.Certificate, now time.Time) (until time.Time, err error) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots: g.authorities, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return time.Time{}, err
	}
	return lasts(chains), nil
}

// lasts is the end of the chain that is good for longest.
func lasts(chains [][]*x509.Certificate) (until time.Time) {
	for _, chain := range chains {
		if ends := earliestEnd(chain); ends.After(until) {
			until = ends
		}
	}
	return until
}

// earliestEnd is when the first certificate of a chain expires.
func earliestEnd(chain []*x509.Certificate) time.Time {
	end := chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}
