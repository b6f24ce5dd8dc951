package token

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"math/big"
	"slices"
)

// fieldPrime is 2^255 - 19, over which Curve25519 is defined (RFC 7748 section 4.1).
var fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// smallOrder reports whether public is one of the few points of Ed25519 under which anyone
// can sign. The map of RFC 7748 section 4.1, u = (1+y)/(1-y), takes it to the curve of
// X25519, whose exchange fails for exactly these points (RFC 7748 section 6.1). The key has
// the right length.
func smallOrder(public ed25519.PublicKey) bool {
	encoded := slices.Clone(public)
	encoded[len(encoded)-1] &= 0x7f // the sign of x
	slices.Reverse(encoded)
	one, y := big.NewInt(1), new(big.Int).SetBytes(encoded)
	divisor := new(big.Int).Sub(one, y)
	if divisor.Mod(divisor, fieldPrime).Sign() == 0 {
		return true // the neutral element
	}
	u := new(big.Int).Add(one, y)
	u.Mul(u, divisor.ModInverse(divisor, fieldPrime)).Mod(u, fieldPrime)
	coordinate := u.FillBytes(make([]byte, ed25519.PublicKeySize))
	slices.Reverse(coordinate)
	// Any private key will do: every one is a multiple of the curve's cofactor.
	private, err := ecdh.X25519().NewPrivateKey(make([]byte, ed25519.PublicKeySize))
	if err != nil {
		return true
	}
	peer, err := ecdh.X25519().NewPublicKey(coordinate)
	if err != nil {
		return true
	}
	_, err = private.ECDH(peer)
	return err != nil
}
