package session

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/token"
)

// usual is what one of Clerk's tokens says.
var usual = &token.Claims{
	Issuer: "https://clerk.example.com", Subject: "user_00000005", IssuedAt: 1767225600,
	Payload: jsontext.Value(`{"azp":"https://app.example.com","exp":1767229200,"fea":"o:invoices,o:reports,o:audit_log,o:payroll,o:api,u:beta",` +
		`"fva":[1,-1],"iat":1767225600,"iss":"https://clerk.example.com","nbf":1767225590,"o":{"fpm":"15,15,15,15,15","id":"org_000003",` +
		`"per":"read,create,manage,export","rol":"admin","slg":"org-000003"},"pla":"o:enterprise","sid":"sess_00000005","sts":"active","sub":"user_00000005","v":2}`),
}

// BenchmarkFromClaims reads the claims of a token that was not seen before, whose lists are
// those of many. BenchmarkFromClaims_reference is how it was without the one pass.
func BenchmarkFromClaims(b *testing.B) { benchmarkFromClaims(b, Clerk()) }

func BenchmarkFromClaims_reference(b *testing.B) {
	benchmarkFromClaims(b, Decoder{profile: ProfileClerk, decode: refDecodeClerk})
}

func benchmarkFromClaims(b *testing.B, d Decoder) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromClaims(usual, d); err != nil {
			b.Fatal(err)
		}
	}
}
