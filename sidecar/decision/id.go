package decision

import "math/rand/v2"

// An ID names a decision in the log: a random UUID (RFC 9562 section 5.4) in its usual
// form. It need not be a secret. The zero value names none.
type ID [36]byte

// NewID makes an ID that no other decision has.
func NewID() ID {
	high, low := rand.Uint64(), rand.Uint64()
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	var id ID
	at := 0
	digits := func(bits uint64, n int) {
		for shift := 4 * (n - 1); shift >= 0; shift -= 4 {
			id[at] = "0123456789abcdef"[bits>>shift&0xf]
			at++
		}
	}
	dash := func() {
		id[at] = '-'
		at++
	}
	digits(high>>32, 8)
	dash()
	digits(high>>16, 4)
	dash()
	digits(high, 4)
	dash()
	digits(low>>48, 4)
	dash()
	digits(low, 12)
	return id
}

// None reports whether id names no decision.
func (id *ID) None() bool { return id[0] == 0 }

func (id ID) String() string {
	if id.None() {
		return ""
	}
	return string(id[:])
}

// MarshalText is [ID.String], for logs and JSON, which would list the octets.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }
