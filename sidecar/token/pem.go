package token

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"postern/sidecar/phrase"
)

// maxPEMKeys bounds the keys of one PEM. Each is tried for every token.
const maxPEMKeys = 16

// beginBlock starts a PEM block (RFC 7468 section 2).
var beginBlock = []byte("-----BEGIN ")

// ParsePEM reads public keys in PEM: PUBLIC KEY (SubjectPublicKeyInfo) and RSA PUBLIC KEY
// (PKCS #1). They go with any kid, and with none. A block of another kind is skipped with
// a note: a private key has no place here, and a certificate says more than this package
// would check. Text outside the blocks, and a block that cannot be read, is an error: half
// a file is not the file that was meant.
func ParsePEM(data []byte) (*KeySet, error) {
	if len(data) > maxKeySetBytes {
		return nil, fmt.Errorf("more than %d bytes", maxKeySetBytes)
	}
	c := newCollector()
	rest := bytes.TrimSpace(data)
	for position := 1; len(rest) > 0; position++ {
		block, after, err := nextBlock(rest)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", position, err)
		}
		if position > maxPEMKeys {
			return nil, fmt.Errorf("more than %d blocks", maxPEMKeys)
		}
		rest = after
		public, err := publicKey(block)
		if err != nil {
			c.note(position, "", true, "%v", err)
			continue
		}
		k, err := newKey("", "", public)
		if err != nil {
			c.note(position, "", true, "%v", err)
			continue
		}
		c.addUnnamed(position, k)
	}
	return c.finish()
}

// nextBlock decodes the block that data starts with. The decoder of the standard library
// skips what it cannot read; here that is an error.
func nextBlock(data []byte) (*pem.Block, []byte, error) {
	if !bytes.HasPrefix(data, beginBlock) {
		return nil, nil, errors.New("text outside the PEM blocks")
	}
	block, rest := pem.Decode(data)
	if block == nil || bytes.Count(data[:len(data)-len(rest)], beginBlock) != 1 {
		return nil, nil, errors.New("not a readable PEM block")
	}
	if len(block.Headers) > 0 {
		return nil, nil, errors.New("a PEM block with headers")
	}
	return block, bytes.TrimSpace(rest), nil
}

// publicKey reads the key of one block.
func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the public key: %w", err)
		}
		return public, nil
	case "RSA PUBLIC KEY":
		public, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the RSA public key: %w", err)
		}
		return public, nil
	default:
		return nil, fmt.Errorf("a %s block, not a public key", phrase.Quote(block.Type))
	}
}
