package main

import (
	"cmp"

	"github.com/go-json-experiment/json"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/server"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// believe reads a session from a token's payload as serve would from the token, less its
// signature, times and parties. Where serve would sign nobody in, the code says why.
func believe(payload []byte, c *config.Config) (*policy.Subject, decision.Code, error) {
	var known struct {
		Issuer   string  `json:"iss"`
		Subject  string  `json:"sub"`
		IssuedAt float64 `json:"iat"`
	}
	if err := json.Unmarshal(payload, &known); err != nil {
		return nil, "", err
	}
	from, ok := issuerOf(c.Issuers, known.Issuer)
	if !ok {
		return nil, decision.TokenIssuer, nil
	}
	decoder, err := server.DecoderOf(from.Claims)
	if err != nil {
		return nil, "", err
	}
	s, err := session.FromClaims(&token.Claims{
		Issuer:   cmp.Or(known.Issuer, from.Issuer, "unverified"),
		Subject:  known.Subject,
		IssuedAt: int64(known.IssuedAt),
		Payload:  payload,
	}, decoder)
	if err != nil {
		return nil, "", err
	}
	if s.Status == "pending" && from.TreatPendingAsSignedOut {
		return nil, decision.SessionPending, nil
	}
	subject, err := policy.NewSubject(s)
	return subject, "", err
}

// issuerOf is the issuer whose tokens have this iss: the only one, whatever iss says, one
// with the defaults where none is configured, else the one of that name, if there is one.
func issuerOf(all config.Issuers, iss string) (config.Issuer, bool) {
	switch {
	case all.None:
		return config.Issuer{}, false
	case len(all.List) == 0:
		return config.DefaultIssuer(), true
	case len(all.List) == 1:
		return all.List[0], true
	}
	for _, i := range all.List {
		if i.Issuer == iss && iss != "" {
			return i, true
		}
	}
	return config.Issuer{}, false
}
