package authzen

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"

	"github.com/go-json-experiment/json/jsontext"
)

// A position is what a page token says: where the next page begins. It is no secret and no
// authority, since whoever has one may ask for every page; it only keeps a caller from
// continuing what it did not begin. Entities are in it as digests, so that nothing of the
// request, a session token least of all, can be read from it. It depends on no process: any
// replica with the same bundle continues.
type position struct {
	limit  uint64
	search digest // of the request
	// after is how many results were answered, and last the digest of the last of them. It is
	// that result's place that counts: the number is only where to look first.
	after uint64
	last  digest
}

// A digest is the first half of a SHA-256.
type digest [16]byte

// tokenVersion begins each token, for the day when it says something else.
const tokenVersion = 1

// tokenLength is that of a token before it is text.
const tokenLength = 1 + 8 + 8 + 2*len(digest{})

var tokenText = base64.RawURLEncoding.Strict()

// newPosition is behind the results that were answered so far.
func newPosition(s *Search, limit uint64, answered []Result) position {
	p := position{limit: limit, search: digestOf(s, limit), after: uint64(len(answered))}
	if len(answered) > 0 {
		p.last = p.digest(answered[len(answered)-1])
	}
	return p
}

func (p position) token() string {
	text := make([]byte, 0, tokenLength)
	text = append(text, tokenVersion)
	text = binary.BigEndian.AppendUint64(text, p.limit)
	text = binary.BigEndian.AppendUint64(text, p.after)
	text = append(text, p.search[:]...)
	text = append(text, p.last[:]...)
	return tokenText.EncodeToString(text)
}

var errToken = errors.New("page.token is none that was given out here")

func readToken(token string) (p position, err error) {
	if len(token) != tokenText.EncodedLen(tokenLength) {
		return p, errToken
	}
	text, err := tokenText.DecodeString(token)
	if err != nil || len(text) != tokenLength || text[0] != tokenVersion {
		return p, errToken
	}
	p.limit = binary.BigEndian.Uint64(text[1:])
	p.after = binary.BigEndian.Uint64(text[9:])
	copy(p.search[:], text[17:])
	copy(p.last[:], text[17+len(p.search):])
	if (p.after == 0) != (p.last == digest{}) {
		return p, errToken
	}
	return p, nil
}

// find is where the next page begins in all results, which may be others than before.
func (p position) find(all []Result) (int, error) {
	if p.after == 0 {
		return 0, nil
	}
	if p.after <= uint64(len(all)) && p.digest(all[p.after-1]) == p.last {
		return int(p.after), nil
	}
	for i := range all {
		if p.digest(all[i]) == p.last {
			return i + 1, nil
		}
	}
	return 0, errChanged
}

// digest is that of a result of this search.
func (p position) digest(r Result) digest {
	d := digester{sha256.New()}
	d.part(p.search[:])
	d.part([]byte(r.Type))
	d.part([]byte(r.ID))
	d.part([]byte(r.Name))
	return d.sum()
}

// digestOf is that of a search: of its kind, its entities, its context and its limit. The
// order of members and the spelling of texts do not matter.
func digestOf(s *Search, limit uint64) digest {
	d := digester{sha256.New()}
	d.part([]byte("postern page 1"))
	d.part([]byte(s.Kind))
	for _, e := range []Entity{s.Subject, s.Resource} {
		d.part([]byte(e.Type))
		d.part([]byte(e.ID))
		d.object(e.Properties)
	}
	d.part([]byte(s.Action.Name))
	d.object(s.Action.Properties)
	d.object(s.Context)
	d.part(binary.BigEndian.AppendUint64(nil, limit))
	return d.sum()
}

// A digester writes parts with their lengths, so that none runs into the next.
type digester struct{ hash.Hash }

func (d digester) part(text []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(text)))
	d.Write(length[:])
	d.Write(text)
}

// object writes an object, told apart from none.
func (d digester) object(v jsontext.Value) {
	v = v.Clone()
	if v != nil {
		if err := v.Format(jsontext.ReorderRawObjects(true)); err != nil {
			panic("BUG: an object that was read is no JSON: " + err.Error())
		}
	}
	d.part(v)
}

func (d digester) sum() (sum digest) {
	copy(sum[:], d.Sum(nil))
	return sum
}
