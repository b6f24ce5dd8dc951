package token

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"postern/sidecar/phrase"
)

// privateMembers are the members that only a private or a shared key has (RFC 7518
// section 6). They are never handed on.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// ParseJWKS reads a JWK set (RFC 7517 section 5). The set must be one JSON object with
// distinct members and an array keys. A key in it that cannot be used is skipped, with a
// note that says why: one for encryption, one of an unknown type, one that is weak, one
// without a kid, and both of two that share a kid. The private half of a key is dropped,
// with a note. A set without a usable key, and one over 1 MiB or 1,000 keys, is an error.
func ParseJWKS(data []byte) (*KeySet, error) {
	elements, err := splitJWKS(data)
	if err != nil {
		return nil, err
	}
	c := newCollector()
	for i, element := range elements {
		members, err := parseJWK(element)
		if err != nil {
			c.note(i+1, "", true, "%v", err)
			continue
		}
		k, err := members.key()
		if err != nil {
			c.note(i+1, members.text["kid"].value, true, "%v", err)
			continue
		}
		if members.private {
			c.note(i+1, k.kid, false, "private members dropped: this key should not be published")
		}
		c.add(i+1, k)
	}
	return c.finish()
}

// splitJWKS returns the elements of keys, each as it stands in data.
func splitJWKS(data []byte) ([]jsontext.Value, error) {
	if len(data) > maxKeySetBytes {
		return nil, fmt.Errorf("more than %d bytes", maxKeySetBytes)
	}
	switch trimmed := bytes.TrimSpace(data); {
	case bytes.HasPrefix(trimmed, []byte("-----BEGIN")):
		return nil, errors.New("a PEM, not a JWK set")
	case bytes.HasPrefix(trimmed, []byte("<")):
		return nil, errors.New("HTML or XML, not a JWK set")
	}
	// Mistakes inside one key are that key's: only the set's own members are strict here.
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, errors.New("not a JSON object")
	}
	var elements []jsontext.Value
	seen := map[string]bool{}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, syntax(err)
		}
		name := tok.String()
		if seen[name] {
			return nil, fmt.Errorf("the member %s repeats", phrase.Quote(name))
		}
		seen[name] = true
		if name != "keys" {
			if err := dec.SkipValue(); err != nil {
				return nil, syntax(err)
			}
			continue
		}
		if elements, err = readElements(dec); err != nil {
			return nil, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the JSON object")
	}
	if !seen["keys"] {
		return nil, errors.New("no member keys")
	}
	return elements, nil
}

// readElements reads the array that comes next.
func readElements(dec *jsontext.Decoder) ([]jsontext.Value, error) {
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return nil, errors.New("keys is not an array")
	}
	var elements []jsontext.Value
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		if len(elements) == maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		elements = append(elements, element.Clone())
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	return elements, nil
}

// A jwkMembers is one JWK, strictly parsed but not judged.
type jwkMembers struct {
	text    map[string]text
	keyOps  jsontext.Value // nil: absent
	private bool
}

// parseJWK reads the object in data.
func parseJWK(data []byte) (jwkMembers, error) {
	m := jwkMembers{text: map[string]text{}}
	err := eachMember(data, func(member []byte, value jsontext.Value) error {
		name := string(member)
		m.text[name] = textOf(value)
		if name == "key_ops" {
			m.keyOps = value.Clone()
		}
		m.private = m.private || slices.Contains(privateMembers, name)
		return nil
	})
	return m, err
}

// key makes a key of m, or says why it cannot be one.
func (m jwkMembers) key() (*key, error) {
	for _, name := range []string{"kty", "kid", "use", "alg", "crv"} {
		if t := m.text[name]; t.present && !t.ok {
			return nil, fmt.Errorf("%s is not a string", name)
		}
	}
	if kty := m.text["kty"].value; kty == "oct" {
		return nil, errors.New("a shared secret")
	}
	if use := m.text["use"]; use.present && use.value != "sig" {
		return nil, fmt.Errorf("use is %s, not sig", phrase.Quote(use.value))
	}
	if err := m.operations(); err != nil {
		return nil, err
	}
	if alg := m.text["alg"]; alg.present && !knownAlgorithm(alg.value) {
		return nil, fmt.Errorf("alg is %s", phrase.Quote(alg.value))
	}
	public, err := m.public()
	if err != nil {
		return nil, err
	}
	return newKey(m.text["kid"].value, m.text["alg"].value, public)
}

// operations refuses a key whose key_ops do not let it verify, or break the rule of
// RFC 7517 section 4.3 that none is named twice.
func (m jwkMembers) operations() error {
	if m.keyOps == nil {
		return nil
	}
	operations, err := stringList(m.keyOps)
	if err != nil {
		return fmt.Errorf("key_ops: %w", err)
	}
	if !slices.Contains(operations, "verify") {
		return errors.New("key_ops has no verify")
	}
	slices.Sort(operations)
	if len(slices.Compact(operations)) < len(operations) {
		return errors.New("key_ops names an operation twice")
	}
	return nil
}

// coordinateBytes is how long x and y must be, exactly (RFC 7518 section 6.2.1.2).
var coordinateBytes = map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}

// public builds the public key from the public members alone, after a strict look at
// each: the library takes padded and otherwise odd base64.
func (m jwkMembers) public() (crypto.PublicKey, error) {
	crv := m.text["crv"].value
	switch kty := m.text["kty"].value; kty {
	case "RSA":
		return m.build(number{"n", 1, maxRSABits/8 + 1}, number{"e", 1, 4})
	case "EC":
		size, ok := coordinateBytes[crv]
		if !ok {
			return nil, fmt.Errorf("crv is %s", phrase.Quote(crv))
		}
		return m.build(number{"x", size, size}, number{"y", size, size})
	case "OKP":
		if crv != "Ed25519" {
			return nil, fmt.Errorf("crv is %s", phrase.Quote(crv))
		}
		return m.build(number{"x", 32, 32})
	default:
		return nil, fmt.Errorf("kty is %s", phrase.Quote(kty))
	}
}

// A number is a member in base64url, with the bytes it may decode to.
type number struct {
	name     string
	min, max int
}

// build hands the numbers, with kty and crv, to the library.
func (m jwkMembers) build(numbers ...number) (crypto.PublicKey, error) {
	members := map[string]string{"kty": m.text["kty"].value}
	if crv := m.text["crv"]; crv.present {
		members["crv"] = crv.value
	}
	for _, want := range numbers {
		t := m.text[want.name]
		if !t.ok {
			return nil, fmt.Errorf("%s is missing or not a string", want.name)
		}
		value, err := decodePart(nil, t.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", want.name, err)
		}
		if len(value) < want.min || len(value) > want.max {
			return nil, fmt.Errorf("%s has %d bytes, want %d to %d", want.name, len(value), want.min, want.max)
		}
		members[want.name] = t.value
	}
	data, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("encode the public half: %w", err)
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return nil, fmt.Errorf("read the public half: %w", err)
	}
	var public any
	if err := parsed.Raw(&public); err != nil {
		return nil, fmt.Errorf("read the public half: %w", err)
	}
	return public, nil
}
