package token

import "math/big"

// fingerprintPrimes are the odd primes up to 167, the ones that divide the primorial of
// the shortest keys that the faulty generator made; longer keys add to them.
var fingerprintPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
	97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// powersOf65537 holds, for each fingerprint prime, the residues that are powers of 65537.
var powersOf65537 = func() []map[int64]bool {
	groups := make([]map[int64]bool, len(fingerprintPrimes))
	for i, p := range fingerprintPrimes {
		groups[i] = map[int64]bool{}
		for x := int64(1); !groups[i][x]; x = x * 65537 % p {
			groups[i][x] = true
		}
	}
	return groups
}()

// factorable reports whether n looks like the product of primes from the generator of
// CVE-2017-15361 ("ROCA"). Its primes are a power of 65537 modulo many small primes, hence
// so is n; a modulus from elsewhere passes by chance once in more than a hundred million.
func factorable(n *big.Int) bool {
	var residue, prime big.Int
	for i, p := range fingerprintPrimes {
		residue.Mod(n, prime.SetInt64(p))
		if !powersOf65537[i][residue.Int64()] {
			return false
		}
	}
	return true
}
