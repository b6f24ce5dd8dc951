package session

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/token"
)

// maxNumber is the largest finite number.
const maxNumber = math.MaxFloat64

// text is the content of a JSON string, and whether raw is one.
func text(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	return string(s), err == nil
}

// eachMember calls f with every member of an object, in no order that is known, and
// reports whether raw is one, or null. Both parts alias raw, or nothing else.
func eachMember(raw jsontext.Value, f func(name []byte, value jsontext.Value)) bool {
	var m token.Members
	if m.Scan(raw) {
		for i := range m.Len() {
			f(m.At(i))
		}
		return true
	}
	var members map[string]jsontext.Value
	if json.Unmarshal(raw, &members) != nil {
		return false
	}
	for name, value := range members {
		f([]byte(name), value)
	}
	return true
}

// texts are the strings of a JSON array, its other elements left out; nil for all
// that is no array.
func texts(raw jsontext.Value) []string {
	if raw.Kind() != '[' {
		return nil
	}
	var elements []jsontext.Value
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	var list []string
	for _, e := range elements {
		if s, ok := text(e); ok {
			list = append(list, s)
		}
	}
	return list
}

// notNull is raw, or nil for null.
func notNull(raw jsontext.Value) jsontext.Value {
	if raw.Kind() == 'n' {
		return nil
	}
	return raw
}

// optionalText reads a claim that is text, absent or null.
func optionalText(claim string, raw jsontext.Value) (string, error) {
	if notNull(raw) == nil {
		return "", nil
	}
	s, ok := text(raw)
	if !ok {
		return "", fmt.Errorf("claim %s is not text", claim)
	}
	return s, nil
}

// optionalTexts reads a claim that is a list of text, absent or null. The result is
// nil only for the latter two.
func optionalTexts(claim string, raw jsontext.Value) ([]string, error) {
	if notNull(raw) == nil {
		return nil, nil
	}
	var elements []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil, fmt.Errorf("claim %s is not a list", claim)
	}
	list := make([]string, len(elements))
	for i, e := range elements {
		s, ok := text(e)
		if !ok {
			return nil, fmt.Errorf("claim %s: element %d is not text", claim, i)
		}
		list[i] = s
	}
	return list, nil
}

// factorAge reads the minutes since two factors were verified, nil for anything but
// two finite numbers that are each -1 or not negative.
func factorAge(raw jsontext.Value) *[2]float64 {
	if raw.Kind() != '[' {
		return nil
	}
	// A list of numbers has no commas but those between them.
	first, second, two := bytes.Cut(raw[1:len(raw)-1], []byte{','})
	if !two || bytes.IndexByte(second, ',') >= 0 {
		return nil
	}
	var minutes [2]float64
	for i, age := range []jsontext.Value{bytes.TrimSpace(first), bytes.TrimSpace(second)} {
		if age.Kind() != '0' {
			return nil
		}
		f := number(age)
		if f > maxNumber || f < 0 && f != -1 {
			return nil
		}
		minutes[i] = f
	}
	return &minutes
}

// optionalFactorAge reads a claim that is a factor age, absent or null.
func optionalFactorAge(claim string, raw jsontext.Value) (*[2]float64, error) {
	if notNull(raw) == nil {
		return nil, nil
	}
	age := factorAge(raw)
	if age == nil {
		return nil, fmt.Errorf("claim %s is not two numbers of minutes", claim)
	}
	return age, nil
}

// scoped is nil where neither list was given.
func scoped(org, user []string) *Scoped {
	if org == nil && user == nil {
		return nil
	}
	return &Scoped{Org: org, User: user}
}

// errNoObject is for a payload that is none. A verified one always is.
var errNoObject = errors.New("the payload is not an object of claims")
