package bundle

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	opa "github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"postern/sidecar/phrase"
)

// clockSkew is by how much the clocks of who signs and who verifies may differ, as for
// tokens.
const clockSkew = 5 * time.Second

// Verify reads a source to its end and holds it to its signature, and looks at nothing else
// that is in it.
func Verify(ctx context.Context, limits Limits, source Source) error {
	sources := []Source{source}
	trees, err := readAll(ctx, limits, sources)
	if err != nil {
		return err
	}
	return verifyAll(trees, sources)
}

// verifyAll verifies the signature of each source that has signers.
func verifyAll(trees []*tree, sources []Source) error {
	var faults []error
	for i, source := range sources {
		if len(source.Signers) == 0 {
			continue
		}
		signed, err := trees[i].verify(source.Signers, source.now())
		if err != nil {
			faults = append(faults, fmt.Errorf("bundle %q: %w", source.Name, err))
			continue
		}
		trees[i].signer = signed.keyID
	}
	return errors.Join(faults...)
}

// verify holds a tree to its signature: by one of the signers, good now, and of exactly
// the files that are there. The signature is OPA's to verify, on the files as they were
// read: nothing is read a second time.
func (t *tree) verify(signers []Signer, now time.Time) (*statement, error) {
	if t.signature == nil {
		return nil, fmt.Errorf("%s is not there: the bundle must be signed", SignaturesName)
	}
	said, err := parseStatement(t.signature.content)
	if err == nil {
		err = said.verify(signers, now)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", SignaturesName, err)
	}
	return said, t.covered(said)
}

// verify checks who signed, how, for what and until when, unless now is zero.
func (s *statement) verify(signers []Signer, now time.Time) error {
	signer, err := signerOf(signers, s.keyID)
	if err != nil {
		return err
	}
	trust, err := signer.trust()
	switch {
	case err != nil:
		return err
	case s.algorithm != signer.Algorithm:
		return fmt.Errorf("the signature is made with %s, and signer %s signs with %s", phrase.Quote(s.algorithm), phrase.Quote(signer.KeyID), signer.Algorithm)
	case s.scope != signer.Scope:
		return fmt.Errorf("the signature has the scope %s, and signer %s has %s", phrase.Quote(s.scope), phrase.Quote(signer.KeyID), phrase.Quote(signer.Scope))
	}
	files, err := new(opa.DefaultVerifier).VerifyBundleSignature(opa.SignaturesConfig{Signatures: []string{s.token}}, trust)
	switch {
	case err != nil:
		return fmt.Errorf("not a signature by %s: %s", phrase.Quote(signer.KeyID), cause(err))
	case !maps.Equal(files, s.files):
		return errors.New("the JWT's payload can be read in two ways")
	case now.IsZero():
		return nil
	case s.expires > 0 && now.Unix() >= s.expires+int64(clockSkew/time.Second):
		return fmt.Errorf("the signature expired at %s", time.Unix(s.expires, 0).UTC().Format(time.RFC3339))
	case now.Unix() < s.notBefore-int64(clockSkew/time.Second):
		return fmt.Errorf("the signature is not valid before %s", time.Unix(s.notBefore, 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// covered checks that the files that were signed are those that are there: first by their
// names, since whoever adds a file to an old signature must not have it decoded.
func (t *tree) covered(s *statement) error {
	const most = 20
	var faults []error
	fault := func(name string, err error) {
		if len(faults) == most {
			err = errors.New("and perhaps more")
		}
		if len(faults) <= most {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	all, left := t.all(), maps.Clone(s.files)
	for _, f := range all {
		signed, ok := left[f.path]
		delete(left, f.path)
		if !ok {
			fault(f.path, errors.New("is not in the list that was signed"))
		} else if err := hashed(signed); err != nil {
			fault(f.path, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		fault(name, errors.New("was signed, and is not there"))
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	for _, f := range all {
		if err := t.matches(f, s.files[f.path]); err != nil {
			fault(f.path, err)
		}
	}
	return errors.Join(faults...)
}

// strongHashes are the hash algorithms of OPA's that nobody finds collisions of.
var strongHashes = []opa.HashingAlgorithm{opa.SHA224, opa.SHA256, opa.SHA384, opa.SHA512, opa.SHA512224, opa.SHA512256}

// hashed checks that what was signed of a file is a hash that says which file it is of.
func hashed(signed opa.FileInfo) error {
	algorithm := opa.HashingAlgorithm(signed.Algorithm)
	if !slices.Contains(strongHashes, algorithm) {
		return fmt.Errorf("its hash is by %s: want one of SHA-2, such as SHA-256", phrase.Quote(signed.Algorithm))
	}
	if _, err := hex.DecodeString(signed.Hash); err != nil || signed.Hash == "" {
		return errors.New("its hash is not in hexadecimal digits")
	}
	return nil
}

// matches compares a file with what was signed.
func (t *tree) matches(f file, signed opa.FileInfo) error {
	got, err := t.hash(f, opa.HashingAlgorithm(signed.Algorithm))
	if err == nil && !equalHex(got, signed.Hash) {
		err = errors.New("its content is not what was signed")
	}
	return err
}

func equalHex(sum []byte, text string) bool {
	want, err := hex.DecodeString(text)
	return err == nil && bytes.Equal(sum, want)
}

// hash is OPA's hash of a file: of data and manifests by their value, of the rest by
// their bytes. A value is hashed as Postern reads it, and where OPA reads another one in
// the same bytes, the file is refused: else what was signed would not be what is used.
func (t *tree) hash(f file, algorithm opa.HashingAlgorithm) ([]byte, error) {
	hasher, err := opa.NewSignatureHasher(algorithm)
	if err != nil {
		return nil, err
	}
	switch {
	case !opa.IsStructuredDoc(f.path):
		return hasher.HashFile(f.content)
	case opa.IsYAMLDataFile(f.path):
		value, err := t.yamlAsHashed(f)
		if err != nil {
			return nil, err
		}
		return hasher.HashFile(value)
	}
	value, err := decodeJSON(f.content, t.limits.room())
	if err != nil {
		return nil, err
	}
	return hasher.HashFile(value)
}

// yamlAsHashed is the value of a YAML file in OPA's form, which writes numbers its own way.
func (t *tree) yamlAsHashed(f file) (any, error) {
	ours, err := decodeYAML(f.content, t.limits.room())
	if err != nil {
		return nil, err
	}
	var theirs any
	if err := util.Unmarshal(f.content, &theirs); err != nil {
		return nil, errors.New(cause(err))
	}
	if !same(ours, theirs) {
		return nil, errors.New("OPA, which hashes the value, reads another one in this YAML than Postern: write it as data.json, or quote long numbers and unusual text")
	}
	return theirs, nil
}

// same reports whether two JSON values are equal, numbers by their exact value.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, same)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	case json.Number:
		y, ok := b.(json.Number)
		return ok && (x == y || sameNumber(x, y))
	}
	return a == b
}

func sameNumber(x, y json.Number) bool {
	if checkNumber(x.String()) != nil || checkNumber(y.String()) != nil {
		return false
	}
	p, ok := new(big.Rat).SetString(x.String())
	q, also := new(big.Rat).SetString(y.String())
	return ok && also && p.Cmp(q) == 0
}
