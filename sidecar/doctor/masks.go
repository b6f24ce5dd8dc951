package doctor

import (
	"math/big"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/session"
)

// maxRows and maxBits bound the table of masks; a crafted token could fill screens with
// it.
const (
	maxRows = 200
	maxBits = 200
)

// readMasks makes the table behind the permissions of s, which has read the same claims:
// the i-th mask belongs to the i-th feature of the organization, and its bit k, the least
// significant first, to the k-th name of o.per.
func (r *Report) readMasks(claims map[string]jsontext.Value, s *session.Session) {
	o := members(claims["o"])
	names, masks := elements(o["per"]), elements(o["fpm"])
	var features []string
	if s.Features != nil {
		features = s.Features.Org
	}
	var spelled []string
	for i, feature := range features {
		row := Mask{Position: i + 1, Feature: feature, Problem: "missing", Bits: []int{}, Permissions: []string{}}
		if i < len(masks) {
			row.read(masks[i], names)
		}
		spelled = append(spelled, row.Permissions...)
		if len(row.Bits) > maxBits {
			row.Bits = row.Bits[:maxBits]
		}
		if len(row.Unnamed) > maxBits {
			row.Unnamed = row.Unnamed[:maxBits]
		}
		if i < maxRows {
			r.Masks = append(r.Masks, row)
		}
	}
	if len(features) > maxRows {
		r.note("masks_cut", "the table has the first %d of %d features; the permissions are complete", maxRows, len(features))
	}
	if len(masks) > len(features) {
		r.note("masks_extra", "o.fpm has %d masks and fea %d features of the organization: the masks beyond them grant nothing", len(masks), len(features))
	}
	if !slices.Equal(spelled, s.Org.Permissions) {
		panic("BUG: the table of masks and the session's permissions differ")
	}
}

// read decodes one mask.
func (m *Mask) read(mask string, names []string) {
	m.Mask, m.Problem = mask, ""
	number, ok := new(big.Int), mask != "" && strings.Trim(mask, "0123456789") == ""
	if ok {
		_, ok = number.SetString(mask, 10)
	}
	if !ok {
		m.Problem = "malformed"
		return
	}
	for k := range number.BitLen() {
		switch {
		case number.Bit(k) == 0:
		case k < len(names):
			m.Bits = append(m.Bits, k)
			m.Permissions = append(m.Permissions, "org:"+m.Feature+":"+names[k])
		default:
			m.Bits = append(m.Bits, k)
			m.Unnamed = append(m.Unnamed, k)
		}
	}
}

// elements splits a comma list of text and trims its elements as JavaScript does; nil for
// all that is none.
func elements(raw jsontext.Value) []string {
	list := textOf(raw)
	if list == "" {
		return nil
	}
	all := strings.Split(list, ",")
	for i, e := range all {
		all[i] = strings.TrimFunc(e, func(r rune) bool {
			return r == '\ufeff' || r != '\u0085' && unicode.IsSpace(r)
		})
	}
	return all
}
