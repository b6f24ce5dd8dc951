package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc/credentials"

	"postern/sidecar/certificate"
	"postern/sidecar/config"
)

// The listeners by name.
const (
	listenerHTTP  = "http"
	listenerGRPC  = "grpc"
	listenerAdmin = "admin"
)

// newIdentities are those of the listeners that speak TLS, by name. Nothing is read yet.
func (s *Server) newIdentities(c *config.Config) map[string]*certificate.Identity {
	all := map[string]*certificate.Identity{}
	add := func(listener string, t config.TLS, protocol string) {
		if t.Cert == "" {
			return
		}
		least := uint16(tls.VersionTLS13)
		if t.MinVersion == config.TLS12 {
			least = tls.VersionTLS12
		}
		all[listener] = certificate.New(certificate.Options{
			Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientSANs: t.ClientSANs,
			MinVersion: least, Protocol: protocol,
			Failed: func(client net.Addr, err error) {
				s.metrics.handshakes.WithLabelValues(listener).Inc()
				s.log.Debug("TLS handshake failed", "listener", listener, "client", client.String(), "error", err)
			},
		})
	}
	add(listenerHTTP, c.HTTP.TLS, certificate.HTTP1)
	add(listenerAdmin, c.Admin.TLS, certificate.HTTP1)
	if c.Doors.ExtAuthz {
		add(listenerGRPC, c.GRPC.TLS, certificate.HTTP2)
	}
	return all
}

// listenersWithTLS are the names of identities, in order.
func (s *Server) listenersWithTLS() []string { return slices.Sorted(maps.Keys(s.identities)) }

// loadCredentials reads the listeners' certificates and the clients' tokens once more, each
// for itself, and joins all that is wrong. Certificates are measured by the real clock, as
// handshakes are.
func (s *Server) loadCredentials() error {
	s.credentialsTurn.Lock()
	defer s.credentialsTurn.Unlock()
	var errs []error
	for _, listener := range s.listenersWithTLS() {
		i := s.identities[listener]
		before := i.Status()
		err := i.Load(time.Now())
		after := i.Status()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.tls: %w", listener, err))
		}
		loaded := !after.LoadedAt.Equal(before.LoadedAt) || err == nil && before.LastError != ""
		if loaded || err != nil && after.LastError != before.LastError {
			s.metrics.certificates.WithLabelValues(listener, result(err)).Inc()
		}
		switch {
		case loaded:
			s.log.Info("certificate loaded", "listener", listener, "cert", after.Cert, "not_after", after.NotAfter, "client_authorities", len(after.ClientAuthorities))
		case err != nil && after.LastError != before.LastError:
			s.log.Error("certificate not loaded", "listener", listener, "kept", !after.LoadedAt.IsZero(), "error", err)
		}
		if !slices.Equal(before.Notes, after.Notes) {
			for _, note := range after.Notes {
				s.log.Warn("certificate", "listener", listener, "note", note)
			}
		}
	}
	return errors.Join(append(errs, s.loadTokens())...)
}

// watchCredentials loads them again whenever their files change, and now and then: what
// expires is noticed so.
func (s *Server) watchCredentials(ctx context.Context) error {
	var paths []string
	for _, i := range s.identities {
		paths = append(paths, i.Paths()...)
	}
	if s.clientTokens != nil {
		paths = append(paths, s.clientTokens.Path())
	}
	// The errors are in the log, in the metrics and in the status.
	return s.watch(ctx, paths, func() { _ = s.loadCredentials() })
}

// underTLS is a listener of HTTP, under TLS where it has an identity.
func (s *Server) underTLS(l net.Listener, name string) net.Listener {
	if i, ok := s.identities[name]; ok {
		return securing{l, i}
	}
	return l
}

// A securing listener puts connections under TLS.
type securing struct {
	net.Listener
	identity *certificate.Identity
}

// Accept waits for the next connection, and not for its handshake.
func (l securing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.identity.Secure(c), nil
}

// handshakes are how grpc-go puts a connection under TLS. It bounds their time itself.
type handshakes struct {
	credentials.TransportCredentials // of a server without TLS, for what is never asked of one
	identity                         *certificate.Identity
}

// ServerHandshake makes the handshake.
func (h handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := h.identity.Secure(raw)
	if err := c.Handshake(); err != nil {
		return nil, nil, err
	}
	return c, credentials.TLSInfo{
		State:          c.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// Clone is asked of clients alone, and a handshakes has nothing that changes.
func (h handshakes) Clone() credentials.TransportCredentials { return h }
