package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"postern/sidecar/phrase"
)

// A SigningKey is a private key that bundles are signed with, and what the signature says.
type SigningKey struct {
	KeyID     string
	Algorithm string
	Scope     string
	// Key is the key in PEM: PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY.
	Key []byte
}

// Signer is who verifies what the key signs.
func (k SigningKey) Signer() (Signer, error) {
	private, err := parsePrivate(k.Key)
	if err != nil {
		return Signer{}, fmt.Errorf("the signing key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return Signer{}, fmt.Errorf("the signing key: %w", err)
	}
	s := Signer{KeyID: k.KeyID, Algorithm: k.Algorithm, Scope: k.Scope, Key: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	return s, s.Check()
}

func parsePrivate(text []byte) (crypto.Signer, error) {
	block, err := oneBlock(text)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a %s block, not a private key", phrase.Quote(block.Type))
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T", key)
	}
	return signer, nil
}

// Sign reads a source and writes an archive of it with a signature, which takes the place
// of one that it has. The archive has the files that are of use, byte for byte; ignored
// are those that it leaves out. The same source and key give the same bytes, but for the
// algorithms PS and ES, which sign with a random number.
func Sign(ctx context.Context, limits Limits, source Source, key SigningKey) (archive []byte, ignored []string, err error) {
	t, err := source.readAs(ctx, limits, true)
	if err != nil {
		return nil, nil, fmt.Errorf("bundle %q: %w", source.Name, err)
	}
	for _, f := range t.others {
		ignored = append(ignored, f.path)
	}
	t.others = nil
	if err := t.sign(key); err != nil {
		return nil, nil, fmt.Errorf("bundle %q: %w", source.Name, err)
	}
	archive, err = pack(append(t.files, *t.signature))
	return archive, ignored, err
}

// SignatureOf is the content of the signature file that signs a source where it is: it
// covers the files that are ignored too.
func SignatureOf(ctx context.Context, limits Limits, source Source, key SigningKey) ([]byte, error) {
	t, err := source.readAs(ctx, limits, true)
	if err == nil {
		err = t.sign(key)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle %q: %w", source.Name, err)
	}
	return t.signature.content, nil
}

// sign signs all files of a tree, and verifies the signature as a server would.
func (t *tree) sign(key SigningKey) error {
	signer, err := key.Signer()
	if err != nil {
		return err
	}
	var files []opa.FileInfo
	for _, f := range t.all() {
		sum, err := t.hash(f, opa.SHA256)
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		files = append(files, opa.NewFile(f.path, hex.EncodeToString(sum), string(opa.SHA256)))
	}
	token, err := key.token(files)
	if err != nil {
		return err
	}
	content, err := json.MarshalIndent(opa.SignaturesConfig{Signatures: []string{token}}, "", " ")
	if err != nil {
		return err
	}
	t.signature = &file{path: SignaturesName, kind: signatureFile, content: append(content, '\n')}
	_, err = t.verify([]Signer{signer}, time.Unix(0, 0))
	return err
}

// token has OPA sign the list of files. It takes claims from a file alone.
func (k SigningKey) token(files []opa.FileInfo) (token string, err error) {
	private, err := parsePrivate(k.Key)
	if err != nil {
		return "", fmt.Errorf("the signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("the signing key: %w", err)
	}
	claims := ""
	if k.Scope != "" {
		f, err := os.CreateTemp("", "postern-claims-*.json")
		if err != nil {
			return "", err
		}
		claims = f.Name()
		defer func() { err = errors.Join(err, os.Remove(claims)) }()
		write := json.NewEncoder(f).Encode(map[string]string{"keyid": k.KeyID, "scope": k.Scope})
		if err := cmp.Or(write, f.Close()); err != nil {
			return "", err
		}
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return opa.GenerateSignedToken(files, opa.NewSigningConfig(key, k.Algorithm, claims), k.KeyID)
}

// pack writes files into a .tar.gz archive, whose bytes depend on nothing else.
func pack(files []file) ([]byte, error) {
	var archive bytes.Buffer
	gz := gzip.NewWriter(&archive)
	tw := tar.NewWriter(gz)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: 0o644, Size: int64(len(f.content))}
		if err := tw.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := tw.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := cmp.Or(tw.Close(), gz.Close()); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
