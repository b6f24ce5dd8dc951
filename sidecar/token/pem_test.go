package token

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// block is one PEM block.
func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestParsePEM(t *testing.T) {
	rsaPEM, ecPEM, edPEM := string(pemOf(rsaOne().Public())), string(pemOf(ecOne().Public())), string(pemOf(edOne().Public()))
	pkcs1 := block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaOne().PublicKey))
	f := func(data string, want int) {
		t.Helper()
		set, err := ParsePEM([]byte(data))
		if err != nil {
			t.Fatalf("ParsePEM(%.40q) = %v, want %d keys", data, err, want)
		}
		if set.Len() != want {
			t.Fatalf("ParsePEM(%.40q) has %d keys, want %d", data, set.Len(), want)
		}
	}
	f(rsaPEM, 1)
	f(pkcs1, 1)
	f(ecPEM, 1)
	f(edPEM, 1)
	f(rsaPEM+ecPEM+edPEM, 3)
	f(rsaPEM+pkcs1, 1) // one key, spelled in two ways
	f("\n\n"+rsaPEM+"\n\n \t\n"+ecPEM+"\n", 2)
	f(strings.ReplaceAll(rsaPEM, "\n", "\r\n"), 1)
}

func TestParsePEM_refused(t *testing.T) {
	good := string(pemOf(rsaOne().Public()))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaOne())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, rsaOne().Public(), rsaOne())
	if err != nil {
		t.Fatal(err)
	}
	headers := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("x")}))
	f := func(data, want string) {
		t.Helper()
		if _, err := ParsePEM([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("ParsePEM(%.60q) = %v, want %q", data, err, want)
		}
	}
	f("", "no keys")
	f(" \n", "no keys")
	f("hello", "text outside")
	f("<html>", "text outside")
	f(string(jwksOf(named(rsaOne().Public(), "one"))), "text outside")
	f("subject: x\n"+good, "text outside")
	f(good+"garbage", "text outside")
	f(good+"garbage\n"+good, "text outside")
	f(good+good[:len(good)-30], "not a readable")
	f(good[:len(good)-30]+"\n"+good, "not a readable")
	f(strings.Replace(good, "PUBLIC KEY-----\n", "PUBLIC KEY-----\n!!!!", 1)+good, "not a readable")
	f("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "public key")
	f(headers, "headers")
	f(block("PRIVATE KEY", pkcs8), `"PRIVATE KEY" block`)
	f(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaOne())), `"RSA PRIVATE KEY" block`)
	f(block("CERTIFICATE", certificate), `"CERTIFICATE" block`)
	f(block("PUBLIC KEY", pkcs8), "read the public key")
	f(block("PUBLIC KEY", append(mustDER(t, good), 0)), "read the public key")
	f(block("RSA PUBLIC KEY", []byte("x")), "read the RSA public key")
	f(strings.Repeat(good, maxPEMKeys+1), "more than 16 blocks")
	f(strings.Repeat("\n", maxKeySetBytes)+good, "more than 1048576 bytes")

	set, err := ParsePEM([]byte(block("PRIVATE KEY", pkcs8) + good))
	if err != nil {
		t.Fatalf("ParsePEM of a private and a public key = %v, want the public one", err)
	}
	if set.Len() != 1 || len(set.Notes) != 1 || !set.Notes[0].Skipped || set.Notes[0].Position != 1 {
		t.Fatalf("ParsePEM: %d keys, notes %+v, want one key and a note on block 1", set.Len(), set.Notes)
	}
}

func mustDER(t *testing.T, data string) []byte {
	t.Helper()
	b, _ := pem.Decode([]byte(data))
	if b == nil {
		t.Fatal("no PEM block")
	}
	return b.Bytes
}

// TestVerify_pem asks for no kid, and tries every key of a PEM that fits the algorithm.
func TestVerify_pem(t *testing.T) {
	set, err := ParsePEM([]byte(string(pemOf(rsaOne().Public())) + string(pemOf(ecOne().Public())) + string(pemOf(rsaTwo().Public()))))
	if err != nil {
		t.Fatal(err)
	}
	config := testConfig(t)
	config.Keys = StaticKeys(set)
	config.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	v := mustVerifier(t, config)
	f := func(alg string, key any, header string, want decision.Code) {
		t.Helper()
		_, err := v.Verify(sign(t, alg, key, header, goodClaims), testNow)
		wantCode(t, "Verify "+header, err, want)
	}
	f("RS256", rsaOne(), goodHeader, "")
	f("RS256", rsaOne(), `{"alg":"RS256"}`, "")
	f("RS256", rsaTwo(), `{"alg":"RS256","kid":""}`, "")
	f("ES256", ecOne(), `{"alg":"ES256","kid":"whatever"}`, "")
	f("RS256", newRSAKey(), goodHeader, decision.TokenSignature)
	f("EdDSA", edOne(), `{"alg":"EdDSA"}`, decision.TokenAlgorithm)
	f("ES256", ecOne(), `{"alg":"RS256"}`, decision.TokenSignature)
}
