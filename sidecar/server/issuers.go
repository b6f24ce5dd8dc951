package server

import (
	"context"
	"fmt"
	"log/slog"

	"postern/sidecar/config"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// An issuer is what the server knows about one source of tokens.
type issuer struct {
	name             string
	keys             *token.Keys
	decoder          session.Decoder
	pendingSignedOut bool
}

// issuers makes the verifier of all configured issuers. Nothing is read yet. Without
// issuers the verifier refuses every token.
func issuers(c *config.Config, onFetch func(issuer string, err error)) (*token.Verifier, map[string]*issuer, error) {
	known := map[string]*issuer{}
	var configured []token.Issuer
	for _, ic := range c.Issuers.List {
		decoder, err := DecoderOf(ic.Claims)
		if err != nil {
			return nil, nil, fmt.Errorf("issuer %s: %w", ic.Issuer, err)
		}
		i := &issuer{
			name:             ic.Issuer,
			keys:             keysOf(ic, onFetch),
			decoder:          decoder,
			pendingSignedOut: ic.TreatPendingAsSignedOut,
		}
		known[ic.Issuer] = i
		configured = append(configured, token.Issuer{
			Issuer:            ic.Issuer,
			Keys:              i.keys,
			AuthorizedParties: ic.AuthorizedParties.Origins,
			AnyParty:          ic.AuthorizedParties.Any,
			Audience:          ic.Audience,
			Algorithms:        ic.Algorithms,
			ClockSkew:         ic.ClockSkew,
		})
	}
	verifier, err := token.NewVerifier(int(c.Limits.Token), configured...)
	return verifier, known, err
}

// keysOf is where an issuer's keys come from.
func keysOf(ic config.Issuer, onFetch func(string, error)) *token.Keys {
	switch {
	case ic.PublicKey != "":
		return token.PEMFile(ic.PublicKey)
	case ic.Remote():
		return token.JWKSURL(ic.JWKS, token.Options{OnReload: func(err error) { onFetch(ic.Issuer, err) }})
	default:
		return token.JWKSFile(ic.JWKS)
	}
}

// DecoderOf is how an issuer's claims become a session.
func DecoderOf(c config.Claims) (session.Decoder, error) {
	switch c.Profile {
	case config.ClaimsOIDC:
		return session.OIDC(), nil
	case config.ClaimsMapping:
		m := c.Mapping
		return session.Mapping{
			UserID:    m.UserID,
			SessionID: m.SessionID,
			Status:    m.Status,
			Org:       session.OrgMapping(m.Org),
			Features:  session.ScopedMapping(m.Features),
			Plans:     session.ScopedMapping(m.Plans),
			Metadata:  m.Metadata,
			Actor:     m.Actor,
			FactorAge: m.FactorAge,
		}.Decoder()
	default:
		return session.Clerk(), nil
	}
}

// cookies are the names of all issuers' session cookies, each once.
func cookies(c *config.Config) []string {
	var names []string
	seen := map[string]bool{}
	for _, i := range c.Issuers.List {
		if !seen[i.Cookie] {
			seen[i.Cookie] = true
			names = append(names, i.Cookie)
		}
	}
	return names
}

// loadKeys reads the issuers' keys once more, those at URLs only if asked for. Keys
// reload each for itself: one bad source changes nothing about the others.
func (s *Server) loadKeys(ctx context.Context, urls bool) {
	s.keysTurn.Lock()
	defer s.keysTurn.Unlock()
	for _, i := range s.issuers {
		if i.keys.Path() == "" && !urls {
			continue
		}
		before := i.keys.Status()
		err := i.keys.Load(ctx)
		after := i.keys.Status()
		switch {
		case err != nil && after.LastError != before.LastError:
			s.metrics.keys(i.name, err)
			s.log.Error("keys not loaded", "kept", after.Keys > 0, "issuer", i.name, "error", err)
		case err == nil && (after.Digest != before.Digest || before.LastError != ""):
			s.metrics.keys(i.name, nil)
			s.log.Info("keys loaded", "issuer", i.name, "keys", after.Keys, "digest", after.Digest)
			logNotes(s.log, i.name, after.Notes)
		}
	}
}

func logNotes(log *slog.Logger, issuer string, notes []token.KeyNote) {
	for _, n := range notes {
		log.Warn("key left out or reduced", "issuer", issuer, "note", n)
	}
}
