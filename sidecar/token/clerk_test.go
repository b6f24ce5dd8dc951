package token

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// A clerkCase is one call of Clerk's verifyToken and what it answered.
type clerkCase struct {
	ID      string `json:"id"`
	Tag     string `json:"tag"`
	Token   string `json:"token"`
	NowMS   int64  `json:"now_ms"`
	Options struct {
		ClockSkewInMS     *int64   `json:"clockSkewInMs"`
		AuthorizedParties []string `json:"authorizedParties"`
		Audience          any      `json:"audience"`
		Issuer            string   `json:"issuer"`
	} `json:"options"`
	Want struct {
		OK     bool   `json:"ok"`
		Sub    string `json:"sub"`
		Reason string `json:"reason"`
	} `json:"want"`
}

// stricter lists every case that Clerk accepts and Postern refuses.
var stricter = map[string]struct {
	code decision.Code
	why  string
}{
	"verify-0050": {decision.TokenClaims, "nbf of 1e20: Clerk compares it as an invalid date, which is never in the future"},
	"verify-0051": {decision.TokenClaims, "iat of 1e20: as nbf"},
	"verify-0066": {decision.TokenAudience, "an empty aud: Clerk skips the check"},
	"verify-0070": {decision.TokenAudience, "an empty aud array: Clerk skips the check"},
	"verify-0075": {decision.TokenAudience, "aud an object: Clerk skips the check"},
	"verify-0106": {decision.TokenType, "a category whose class is not stated"},
	"verify-0107": {decision.TokenType, "an unknown category"},
}

// clerkReasons says which codes fit a reason of Clerk's. Clerk's token-invalid and
// token-verification-failed cover many faults.
var clerkReasons = map[string][]decision.Code{
	"token-expired":                    {decision.TokenExpired, decision.TokenClaims}, // a negative exp is no date
	"token-not-active-yet":             {decision.TokenNotYetValid},
	"token-invalid-authorized-parties": {decision.TokenAuthorizedParty},
	"token-invalid-issuer":             {decision.TokenIssuer},
	"token-invalid-algorithm":          {decision.TokenAlgorithm, decision.TokenMalformed}, // one has no signature either
	"token-invalid-signature":          {decision.TokenSignature, decision.TokenMalformed}, // a null payload is not claims
	"token-invalid":                    {decision.TokenMalformed, decision.TokenType},
	"token-verification-failed":        {decision.TokenClaims, decision.TokenAlgorithm},
}

func TestVerify_clerk(t *testing.T) {
	dir := "../../testdata/clerk/"
	key, err := os.ReadFile(dir + "verify.pub.pem")
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParsePEM(key)
	if err != nil {
		t.Fatalf("ParsePEM: %v", err)
	}
	lines, err := os.ReadFile(dir + "verify.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(lines)) {
		var tc clerkCase
		if err := json.Unmarshal([]byte(line), &tc); err != nil {
			t.Fatalf("read a case: %v", err)
		}
		seen[tc.ID] = true
		t.Run(tc.ID+" "+tc.Tag, func(t *testing.T) { runClerkCase(t, set, tc) })
	}
	if len(seen) != 48 {
		t.Fatalf("%d cases, want 48", len(seen))
	}
	for id := range stricter {
		if !seen[id] {
			t.Errorf("%s is listed as stricter but is not a case", id)
		}
	}
}

func runClerkCase(t *testing.T, set *KeySet, tc clerkCase) {
	v := mustVerifier(t, clerkIssuer(set, tc))
	c, err := v.Verify(tc.Token, time.UnixMilli(tc.NowMS))
	if !tc.Want.OK {
		if err == nil {
			t.Fatalf("Verify accepts what Clerk refuses as %s", tc.Want.Reason)
		}
		if codes, ok := clerkReasons[tc.Want.Reason]; !ok || !slices.Contains(codes, CodeOf(err)) {
			t.Fatalf("Verify = %v, want one of %v for Clerk's %s", err, codes, tc.Want.Reason)
		}
		return
	}
	if exception, ok := stricter[tc.ID]; ok {
		wantCode(t, "Verify, stricter because of "+exception.why, err, exception.code)
		return
	}
	wantCode(t, "Verify", err, "")
	if c.Subject != tc.Want.Sub {
		t.Fatalf("Subject = %q, want %q", c.Subject, tc.Want.Sub)
	}
}

// clerkIssuer is our configuration for the options of one call. What Clerk checks only
// on demand and Postern always is set so that it passes: the issuer, and any party.
func clerkIssuer(set *KeySet, tc clerkCase) Issuer {
	is := Issuer{
		Issuer:            testIssuer,
		Keys:              StaticKeys(set),
		AuthorizedParties: tc.Options.AuthorizedParties,
		AnyParty:          len(tc.Options.AuthorizedParties) == 0,
		ClockSkew:         5 * time.Second,
	}
	if tc.Options.Issuer != "" {
		is.Issuer = tc.Options.Issuer
	}
	if ms := tc.Options.ClockSkewInMS; ms != nil {
		is.ClockSkew = time.Duration(*ms) * time.Millisecond
	}
	switch audience := tc.Options.Audience.(type) {
	case string:
		if audience != "" {
			is.Audience = []string{audience}
		}
	case []any:
		for _, a := range audience {
			is.Audience = append(is.Audience, a.(string))
		}
	}
	return is
}
