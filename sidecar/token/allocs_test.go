//go:build !race

package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// TestVerify_allocates: besides the signature check, a token takes memory for its payload,
// its claims and the texts that are compared, and none for what is thrown away.
func TestVerify_allocates(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	verify := testing.AllocsPerRun(1000, func() {
		if _, err := v.Verify(raw, testNow); err != nil {
			t.Fatal(err)
		}
	})
	sum := sha256.Sum256([]byte(encode(goodHeader) + "." + encode(goodClaims)))
	sig := signature(t, "RS256", rsaOne(), encode(goodHeader)+"."+encode(goodClaims))
	check := testing.AllocsPerRun(1000, func() {
		if err := rsa.VerifyPKCS1v15(&rsaOne().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			t.Fatal(err)
		}
	})
	if more := verify - check; more > 11 {
		t.Errorf("Verify allocates %v times beyond the %v of the check, want 11 at most", more, check)
	}
}

// TestMembers_allocates: the scan itself takes no memory.
func TestMembers_allocates(t *testing.T) {
	data := []byte(goodClaims)
	got := testing.AllocsPerRun(1000, func() {
		var m Members
		if !m.Scan(data) || m.Len() != 6 {
			t.Fatal("not taken")
		}
	})
	if got != 0 {
		t.Errorf("Scan allocates %v times, want never", got)
	}
}
