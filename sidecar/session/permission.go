package session

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxPermissionBytes bounds the text of one session's permissions. A mask names a
// permission in a third of a digit, so that a crafted token could spell out a
// thousand times its own length.
const maxPermissionBytes = 1 << 20

// permissionLists has what was spelled from fea, per and fpm before.
var permissionLists table[[]string]

// orgPermissions is [maskedPermissions] of the features that fea lists.
func orgPermissions(features []string, fea, per, fpm jsontext.Value) ([]string, error) {
	// No two triples of JSON values, or of nothing, are equal with commas between them.
	var room [512]byte
	key := append(append(room[:0], fea...), ',')
	key = append(append(key, per...), ',')
	key = append(key, fpm...)
	if known, ok := permissionLists.get(key); ok {
		return known, nil
	}
	permissions, err := maskedPermissions(features, per, fpm)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, p := range permissions {
		size += nameBytes + len(p)
	}
	permissionLists.put(key, permissions, size)
	return permissions, nil
}

// maskedPermissions spells out version 2's permissions, org:<feature>:<name>. The
// i-th decimal mask of fpm belongs to the i-th feature of the organization, and its
// bit k, the least significant first, to the k-th name of per. A mask that is not a
// plain decimal number grants nothing, missing ones too.
func maskedPermissions(features []string, per, fpm jsontext.Value) ([]string, error) {
	if !truthy(per) || !truthy(fpm) {
		return nil, nil
	}
	perText, ok := text(per)
	if !ok {
		return nil, errors.New("claim o.per is not text")
	}
	fpmText, ok := text(fpm)
	if !ok {
		return nil, errors.New("claim o.fpm is not text")
	}
	var fewNames [maxFew]string
	var fewMasks [maxFew]mask
	g := grants{features, appendTrimmed(fewNames[:0], perText), appendMasks(fewMasks[:0], fpmText, len(features))}
	count, size := g.measure()
	if size > maxPermissionBytes {
		return nil, fmt.Errorf("claims fea and o spell more than %d bytes of permissions", maxPermissionBytes)
	}
	if count == 0 {
		return nil, nil
	}
	return g.spell(count, size), nil
}

// maxFew is how many names, and masks, are split without memory from the heap.
const maxFew = 64

// grants is what version 2's permissions are spelled from. There are no more masks than
// features.
type grants struct {
	features, names []string
	masks           []mask
}

// measure counts the permissions and their octets. It stops where those are too many.
func (g grants) measure() (count, size int) {
	for i, m := range g.masks {
		for k := range min(m.width(), len(g.names)) {
			if !m.has(k) {
				continue
			}
			count++
			size += len("org:") + len(g.features[i]) + len(":") + len(g.names[k])
			if size > maxPermissionBytes {
				return count, size
			}
		}
	}
	return count, size
}

// spell writes out the permissions as they were measured, in one piece of memory.
func (g grants) spell(count, size int) []string {
	permissions := make([]string, 0, count)
	var b strings.Builder
	b.Grow(size)
	for i, m := range g.masks {
		for k := range min(m.width(), len(g.names)) {
			if !m.has(k) {
				continue
			}
			begin := b.Len()
			b.WriteString("org:")
			b.WriteString(g.features[i])
			b.WriteByte(':')
			b.WriteString(g.names[k])
			permissions = append(permissions, b.String()[begin:])
		}
	}
	return permissions
}

// A mask is a set of bits, in low where they fit. The zero value has none.
type mask struct {
	low  uint64
	wide *big.Int
}

// appendMasks reads at most so many masks of a comma list. One that is no mask has no bits.
func appendMasks(dst []mask, list string, most int) []mask {
	for element := range strings.SplitSeq(list, ",") {
		if len(dst) == most {
			break
		}
		dst = append(dst, parseMask(trimJS(element)))
	}
	return dst
}

// maxLowDigits is how many decimal digits always fit in a mask's low.
const maxLowDigits = 19

// parseMask reads a mask of any length: ASCII digits and nothing else.
func parseMask(s string) mask {
	var low uint64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return mask{}
		}
		low = 10*low + uint64(s[i]-'0')
	}
	if len(s) <= maxLowDigits {
		return mask{low: low}
	}
	wide, _ := new(big.Int).SetString(s, 10)
	return mask{wide: wide}
}

// width is one more than the place of the highest bit.
func (m mask) width() int {
	if m.wide != nil {
		return m.wide.BitLen()
	}
	return bits.Len64(m.low)
}

func (m mask) has(k int) bool {
	if m.wide != nil {
		return m.wide.Bit(k) == 1
	}
	return m.low>>k&1 == 1
}

// appendTrimmed splits a comma list and trims its elements; empty ones keep their place.
func appendTrimmed(dst []string, list string) []string {
	for element := range strings.SplitSeq(list, ",") {
		dst = append(dst, trimJS(element))
	}
	return dst
}
