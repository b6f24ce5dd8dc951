package token

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/testdata/harness"
)

// A wycheproofFile is what the three files of vectors have in common.
type wycheproofFile struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment string         `json:"comment"`
		Public  jsontext.Value `json:"public"`
		Private jsontext.Value `json:"private"`
		Tests   []struct {
			ID      int            `json:"tcId"`
			Comment string         `json:"comment"`
			Result  string         `json:"result"`
			JWS     jsontext.Value `json:"jws"`
		} `json:"tests"`
	} `json:"testGroups"`
}

// refusedThough lists valid signatures that Postern refuses all the same, by file and
// test. HMAC is not listed: no test with a shared secret may pass.
var refusedThough = map[string]map[int]string{
	"json_web_signature_test.json": {
		346: "the header says PS384, the key PS256",
		347: "the key's alg is ES521, which is not registered",
		350: "the header says PS384, the key PS256",
		351: "the key's alg is ES521, which is not registered",
	},
}

// wycheproof reads one file of vectors beside the checkout, or skips the test.
func wycheproof(t *testing.T, name string) wycheproofFile {
	t.Helper()
	var f wycheproofFile
	if err := json.Unmarshal(harness.Vectors(t, "wycheproof", name), &f); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return f
}

func TestKeySet_wycheproof(t *testing.T) {
	for name, valid := range map[string]int{
		"json_web_signature_test.json": 32,
		"json_web_key_test.json":       1,
		"json_web_crypto_test.json":    2,
	} {
		t.Run(name, func(t *testing.T) {
			accepted, tests := 0, 0
			f := wycheproof(t, name)
			for _, g := range f.TestGroups {
				keys := g.Public
				if keys == nil {
					keys = g.Private // a shared secret, or a key pair of which the public half counts
				}
				shared := strings.Contains(string(keys), `"oct"`)
				set := lenientSet(t, keys)
				for _, tc := range g.Tests {
					tests++
					var raw string
					if json.Unmarshal(tc.JWS, &raw) != nil {
						raw = string(tc.JWS) // JSON serialization, or a JWE
					}
					_, exempt := refusedThough[name][tc.ID]
					want := tc.Result == "valid" && !shared && !exempt && tc.JWS != nil
					err := verifyCompact(raw, set)
					if (err == nil) != want {
						t.Errorf("test %d (%s, %s) = %v, want accepted: %v", tc.ID, g.Comment, tc.Comment, err, want)
					}
					if err == nil {
						accepted++
					}
				}
			}
			if tests != f.NumberOfTests || accepted != valid {
				t.Errorf("%d of %d tests accepted, want %d of %d", accepted, tests, valid, f.NumberOfTests)
			}
		})
	}
}

// verifyCompact checks a JWS as Verify does, but for what a claims set is.
func verifyCompact(raw string, set *KeySet) error {
	c, err := parseCompact(raw, maxMaxBytes)
	if err != nil {
		return err
	}
	if err := c.header.intact(); err != nil {
		return err
	}
	if err := c.header.accepted(algorithms); err != nil {
		return err
	}
	return set.verify(c)
}

// lenientSet is the usable keys of a group, one JWK or a set, in which a key without a kid
// goes with any kid.
func lenientSet(t *testing.T, data jsontext.Value) *KeySet {
	t.Helper()
	if !strings.Contains(string(data), `"keys"`) {
		data = slices.Concat([]byte(`{"keys":[`), data, []byte(`]}`))
	}
	elements, err := splitJWKS(data)
	if err != nil {
		t.Fatalf("splitJWKS(%s): %v", data, err)
	}
	c := newCollector()
	for i, element := range elements {
		members, err := parseJWK(element)
		if err != nil {
			continue
		}
		k, err := members.key()
		switch {
		case err != nil:
		case k.kid == "":
			c.addUnnamed(i, k)
		default:
			c.add(i, k)
		}
	}
	return &c.set
}
