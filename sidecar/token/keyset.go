package token

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
)

// Limits of a key set, whatever it comes from.
const (
	maxKeySetBytes = 1 << 20
	maxKeys        = 1000
)

// A KeySet is the usable public keys of one source at one time. It is immutable.
type KeySet struct {
	// Digest names the usable keys: two sets with one digest verify the same tokens.
	Digest string
	// Notes says which keys were left out, or used in part, and why.
	Notes []KeyNote

	byKID map[string]*key
	// unnamed are keys that go with any kid, and with none. Only a PEM has them.
	unnamed []*key
}

// A KeyNote is a remark on one key of a source.
type KeyNote struct {
	// Position counts the keys of the source from 1.
	Position int `json:"position"`
	// KID is the key's kid, if it has a readable one, cut and quoted when odd.
	KID string `json:"kid,omitzero"`
	// Skipped is whether the key is not used at all.
	Skipped bool   `json:"skipped"`
	Reason  string `json:"reason"`
}

// Len is the number of usable keys.
func (s *KeySet) Len() int { return len(s.byKID) + len(s.unnamed) }

// verify checks the signature of c with the key that its header names. Without that key
// it is token_key_unknown, with a key for other algorithms token_algorithm. The header's
// alg must already have been accepted.
func (s *KeySet) verify(c *compact) error {
	candidates := s.unnamed
	if len(candidates) == 0 {
		k, ok := s.byKID[c.header.kid.value]
		if !ok {
			return refuse(decision.TokenKeyUnknown, "no key with the kid %s", phrase.Quote(c.header.kid.value))
		}
		candidates = []*key{k}
	}
	var bad error
	for _, k := range candidates {
		check, ok := k.checks[c.header.alg.value]
		if !ok {
			continue
		}
		if bad = check(c.signed, c.signature); bad == nil {
			return nil
		}
	}
	if bad != nil {
		return refuse(decision.TokenSignature, "%w", bad)
	}
	return refuse(decision.TokenAlgorithm, "no key for alg %s and kid %s", phrase.Quote(c.header.alg.value), phrase.Quote(c.header.kid.value))
}

// A collector gathers the keys of one source into a set.
type collector struct {
	set       KeySet
	positions map[string]int  // where the key with a kid stands
	disputed  map[string]bool // kids that different keys claim
}

func newCollector() *collector {
	return &collector{
		set:       KeySet{byKID: map[string]*key{}},
		positions: map[string]int{},
		disputed:  map[string]bool{},
	}
}

// note records a remark on the key at position.
func (c *collector) note(position int, kid string, skipped bool, format string, args ...any) {
	c.set.Notes = append(c.set.Notes, KeyNote{
		Position: position,
		KID:      printable(kid),
		Skipped:  skipped,
		Reason:   fmt.Sprintf(format, args...),
	})
}

// printable is kid as it is where that is short and plain, else quoted and cut.
func printable(kid string) string {
	if q := phrase.Quote(kid); q != `"`+kid+`"` {
		return q
	}
	return kid
}

// add takes a key that tokens name by its kid. Without a kid nothing could name it. Two
// different keys with one kid are both left out: one of them is not what the issuer
// means, and nothing here can tell which.
func (c *collector) add(position int, k *key) {
	if k.kid == "" {
		c.note(position, "", true, "no kid, so that no token can name it")
		return
	}
	if c.disputed[k.kid] {
		c.note(position, k.kid, true, "different keys have this kid")
		return
	}
	other, taken := c.set.byKID[k.kid]
	switch {
	case !taken:
		c.set.byKID[k.kid], c.positions[k.kid] = k, position
	case other.identity == k.identity:
		c.note(position, k.kid, true, "the same key as number %d", c.positions[k.kid])
	default:
		c.disputed[k.kid] = true
		delete(c.set.byKID, k.kid)
		c.note(c.positions[k.kid], k.kid, true, "different keys have this kid")
		c.note(position, k.kid, true, "different keys have this kid")
	}
}

// addUnnamed takes a key that goes with every kid.
func (c *collector) addUnnamed(position int, k *key) {
	for _, other := range c.set.unnamed {
		if other.identity == k.identity {
			c.note(position, "", true, "the same key as an earlier one")
			return
		}
	}
	c.set.unnamed = append(c.set.unnamed, k)
}

// finish returns the set, or an error that says why it has no usable key.
func (c *collector) finish() (*KeySet, error) {
	if c.set.Len() == 0 {
		if len(c.set.Notes) == 0 {
			return nil, errors.New("no keys in it")
		}
		first := c.set.Notes[0]
		return nil, fmt.Errorf("no usable key in it: key %d: %s", first.Position, first.Reason)
	}
	slices.SortStableFunc(c.set.Notes, func(a, b KeyNote) int { return a.Position - b.Position })
	c.set.Digest = c.digest()
	return &c.set, nil
}

// digest is the SHA-256 of every key's kid and identity, quoted, in an order that does
// not depend on the source's.
func (c *collector) digest() string {
	h := sha256.New()
	for _, kid := range slices.Sorted(maps.Keys(c.set.byKID)) {
		writeIdentity(h, kid, c.set.byKID[kid])
	}
	for _, k := range slices.SortedFunc(slices.Values(c.set.unnamed), byIdentity) {
		writeIdentity(h, "", k)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func byIdentity(a, b *key) int {
	if a.identity < b.identity {
		return -1
	}
	return 1
}

// writeIdentity writes one key to a hash, which never fails.
func writeIdentity(w io.Writer, kid string, k *key) {
	fmt.Fprintf(w, "%q %q\n", kid, k.identity)
}
