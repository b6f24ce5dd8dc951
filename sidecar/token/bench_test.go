package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// BenchmarkVerify is a token that no cache knows, RS256 with 2,048 bits. Compare it with
// BenchmarkVerify_floor, the bare signature check.
func BenchmarkVerify(b *testing.B) {
	v := mustVerifier(b, testConfig(b))
	raw := sign(b, "RS256", rsaOne(), goodHeader, goodClaims)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(raw, testNow); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify_floor(b *testing.B) {
	input := encode(goodHeader) + "." + encode(goodClaims)
	sig := signature(b, "RS256", rsaOne(), input)
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256([]byte(input))
		if err := rsa.VerifyPKCS1v15(&rsaOne().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify_unknownKID is what a storm of made-up tokens costs each.
func BenchmarkVerify_unknownKID(b *testing.B) {
	v := mustVerifier(b, testConfig(b))
	raw := unknown(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(raw, testNow); err == nil {
			b.Fatal("accepted")
		}
	}
}

// BenchmarkHit is what a verified token is asked each time, besides finding it.
func BenchmarkHit(b *testing.B) {
	v := mustVerifier(b, testConfig(b))
	raw := sign(b, "RS256", rsaOne(), goodHeader, goodClaims)
	claims, err := v.Verify(raw, testNow)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !claims.Current() || v.CheckTimes(claims, testNow) != nil {
			b.Fatal("not a hit")
		}
	}
}
