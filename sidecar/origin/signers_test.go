package origin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/sidecar/config"
	"postern/sidecar/origin"
)

func TestSigners(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	path := filepath.Join(t.TempDir(), "ci.pem")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	of := func(signers ...config.Signer) config.Bundle { return config.Bundle{Path: "b", Signers: signers} }
	good := config.Signer{KeyID: "ci", PublicKey: path, Algorithm: "ES256", Scope: "write"}
	all, err := origin.Signers(of(good))
	if err != nil || len(all) != 1 || all[0].KeyID != "ci" || all[0].Algorithm != "ES256" || all[0].Scope != "write" || string(all[0].Key) != string(text) {
		t.Errorf("Signers = %+v, %v", all, err)
	}
	if all, err := origin.Signers(of()); all != nil || err != nil {
		t.Errorf("Signers without any = %+v, %v, want nil", all, err)
	}
	f := func(bad config.Signer, want string) {
		t.Helper()
		if all, err := origin.Signers(of(good, bad)); all != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Signers = %+v, %v, want %q", all, err, want)
		}
	}
	f(config.Signer{KeyID: "b", PublicKey: filepath.Join(t.TempDir(), "none.pem"), Algorithm: "ES256"}, "none.pem: no such file")
	f(config.Signer{KeyID: "b", PublicKey: path, Algorithm: "RS256"}, path+": the key of signer")
	f(config.Signer{KeyID: "b", PublicKey: t.TempDir(), Algorithm: "RS256"}, "not a regular file")
}
