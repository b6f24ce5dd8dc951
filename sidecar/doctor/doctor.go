// Package doctor says what a session token says, and why a check on it may fail, to the
// developer who holds it. It verifies nothing: what a key says is for others to find out
// and to put in the [Report].
package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// Options are what is known of the issuer and of the moment.
type Options struct {
	Now time.Time
	// Decoder reads the claims. Clerk says that it is Clerk's: what only Clerk's tokens
	// have is then explained.
	Decoder session.Decoder
	Clerk   bool
	// Algorithms and Skew are what the issuer is configured for; no algorithms are RS256.
	Algorithms []string
	Skew       time.Duration
	// MaxBytes is the longest token that serve would read.
	MaxBytes int
	// KeepPending takes a pending session for a good one.
	KeepPending bool
}

// Examine reads a token. A token that serve would refuse, whoever signed it, has a report
// all the same, as far as anything of it could be read. The error is for what is no token
// at all.
func Examine(raw string, o Options) (*Report, error) {
	in, strict := token.Inspect(raw)
	r := &Report{
		Verification: Verification{State: Unverified},
		Header:       Header{Alg: in.Algorithm, Typ: in.Type, Kid: in.KeyID, Cat: in.Category},
		Objections:   []Objection{},
		Notes:        []Note{},
		now:          o.Now,
		clerk:        o.Clerk,
	}
	header, payload := in.Header, in.Payload
	if strict != nil {
		r.Malformed = true
		r.object(decision.TokenMalformed, strict.Error())
		header, payload = lenient(raw, header, payload)
		if header == nil && payload == nil {
			return nil, fmt.Errorf("no token: %w%s", strict, kindOf(raw))
		}
	}
	if o.MaxBytes > 0 && len(raw) > o.MaxBytes {
		r.object(decision.TokenMalformed, fmt.Sprintf("%d bytes are more than the limit of %d", len(raw), o.MaxBytes))
	}
	for _, err := range in.Objections(o.Algorithms, o.Skew, o.Now) {
		r.object(token.CodeOf(err), Cause(err))
	}
	r.readHeader(header)
	claims := members(payload)
	r.readClaims(in, claims, o)
	r.Size = sizeOf(len(raw), o.MaxBytes)
	r.CustomClaims = customOf(claims)
	r.diagnose(claims)
	return r, nil
}

// readHeader fills in what a lenient reading found, and the meaning of cat.
func (r *Report) readHeader(header jsontext.Value) {
	all := members(header)
	for name, to := range map[string]*string{"alg": &r.Header.Alg, "typ": &r.Header.Typ, "kid": &r.Header.Kid, "cat": &r.Header.Cat} {
		if *to == "" {
			*to = textOf(all[name])
		}
	}
	r.Header.Category = categoryOf(r.Header.Cat, all["cat"] != nil)
}

// readClaims fills in what the payload says. The session's decoder has the last word on
// what it can read; the rest is as it stands there.
func (r *Report) readClaims(in token.Inspection, claims map[string]jsontext.Value, o Options) {
	r.Issuer, r.Subject = textOf(claims["iss"]), textOf(claims["sub"])
	r.Session, r.AuthorizedParty = textOf(claims["sid"]), textOf(claims["azp"])
	r.Status = textOf(claims["sts"])
	r.Actor = actorOf(claims["act"])
	r.Times = timesOf(claims, o.Now)
	r.Permissions = []string{}
	if o.Clerk {
		r.Version = versionOf(claims["v"])
	}
	if in.Payload == nil {
		return
	}
	s, err := session.FromClaims(&token.Claims{Issuer: r.Issuer, Subject: r.Subject, Payload: in.Payload}, o.Decoder)
	if err != nil {
		r.object(token.CodeOf(err), Cause(err))
		if o.Clerk {
			r.rawOrganization(claims)
		}
		return
	}
	r.session = s
	r.Session, r.Status, r.Subject = s.SessionID, s.Status, s.UserID
	r.Features, r.Plans = scopedOf(s.Features), scopedOf(s.Plans)
	r.FactorAge = factorAgeOf(s.FactorAge, claims["fva"] != nil)
	if s.Org != nil {
		r.Organization = &Organization{ID: s.Org.ID, Slug: s.Org.Slug, Role: s.Org.Role}
		r.Permissions = append(r.Permissions, s.Org.Permissions...)
	}
	if o.Clerk && r.Version.Number == 2 && s.Org != nil {
		r.readMasks(claims, s)
	}
	if s.Status == "pending" && !o.KeepPending {
		r.object(decision.SessionPending, "the session has tasks to complete, and counts as signed out until then")
	}
}

// rawOrganization shows the organization of claims that cannot be read as a session.
func (r *Report) rawOrganization(claims map[string]jsontext.Value) {
	org := Organization{ID: textOf(claims["org_id"]), Slug: textOf(claims["org_slug"]), Role: textOf(claims["org_role"])}
	if r.Version.Number == 2 {
		o := members(claims["o"])
		org = Organization{ID: textOf(o["id"]), Slug: textOf(o["slg"]), Role: textOf(o["rol"])}
	}
	if org != (Organization{}) {
		r.Organization = &org
	}
}

// object adds a reason for which serve refuses the token, once.
func (r *Report) object(code decision.Code, cause string) {
	for _, have := range r.Objections {
		if have.Code == code && have.Cause == cause {
			return
		}
	}
	r.Objections = append(r.Objections, Objection{Code: code, Cause: cause})
}

// note adds a remark.
func (r *Report) note(code, format string, args ...any) {
	r.Notes = append(r.Notes, Note{Code: code, Text: fmt.Sprintf(format, args...)})
}

// Cause is an error of package token without its code.
func Cause(err error) string {
	if e, ok := errors.AsType[*token.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// members are the members of a JSON object, none for anything else. Of a name that
// repeats, the last stands, as in JavaScript.
func members(object jsontext.Value) map[string]jsontext.Value {
	var all map[string]jsontext.Value
	if json.Unmarshal(object, &all, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	return all
}

// textOf is a JSON string's content, "" for anything else.
func textOf(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	s, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return strings.ToValidUTF8(string(s), "\uFFFD")
	}
	return string(s)
}

// kindOf says what a credential that is no JWT probably is, by its beginning.
func kindOf(raw string) string {
	for prefix, what := range map[string]string{
		"ak_": "an API key", "mt_": "a machine-to-machine token", "oat_": "an OAuth access token",
		"sk_": "a secret key, which is to be shown to nobody", "pk_": "a publishable key",
	} {
		if strings.HasPrefix(raw, prefix) {
			return "; " + phrase.Quote(prefix) + " begins " + what
		}
	}
	if strings.Count(raw, ".") == 4 {
		return "; five parts are an encrypted token, which only its audience can read"
	}
	return ""
}
