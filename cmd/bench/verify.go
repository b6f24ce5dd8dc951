package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"time"

	"postern/cmd/process"
)

// verifyTimes fills times with the processor time of one rsa.VerifyPKCS1v15 each, with the
// SHA-256 of as much as a token signs.
func verifyTimes(times []time.Duration) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	signed := make([]byte, 700)
	digest := sha256.Sum256(signed)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range times {
		before, err := process.ThreadTime()
		if err != nil {
			return err
		}
		digest := sha256.Sum256(signed)
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			return err
		}
		after, err := process.ThreadTime()
		if err != nil {
			return err
		}
		times[i] = after - before
	}
	return nil
}
