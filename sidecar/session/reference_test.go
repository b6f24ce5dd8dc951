package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/token"
)

// likeReference fails the test if a payload is read otherwise than before: as another
// session, or with another error.
func likeReference(t *testing.T, payload string) {
	t.Helper()
	for name, d := range map[string]struct {
		now  Decoder
		then func(jsontext.Value, *Session) error
	}{"clerk": {Clerk(), refDecodeClerk}, "oidc": {OIDC(), refDecodeOIDC}} {
		// Each has bytes of its own, so that neither can see what the other did to them.
		got, gotErr := FromClaims(&token.Claims{Subject: "u", Payload: jsontext.Value(payload)}, d.now)
		want, wantErr := FromClaims(&token.Claims{Subject: "u", Payload: jsontext.Value(payload)}, Decoder{profile: d.now.profile, decode: d.then})
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Fatalf("%s session of %q: error %v, want %v", name, payload, gotErr, wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s session of %q: %+v, want %+v", name, payload, got, want)
		}
	}
}

// referenceSeeds are payloads with what is special about the claims.
var referenceSeeds = []string{
	``, `null`, `[]`, `{}`, ` {"sid":"s"} `, `{"sid":"s","sid":"t"}`, `{"o":{"id":1,"id":2},"v":2}`, "{\"sid\":\"\xff\"}", `{"sid":"\ud800"}`, `{"\u0076":2,"o":{"i\u0064":"x"}}`,
	`{"v":2,"fva":[1,-1],"fea":"o:a,u:b,ou:c","pla":" o:p","o":{"id":"i","slg":"s","rol":"r","per":"x,y,,z","fpm":"15, 002,99999999999999999999"}}`,
	`{"v":2.0,"fva":[ 1.5 , -1 ],"fea":"o:a,","o":{"id":true,"rol":[["a"],null,5],"per":" x ","fpm":"x"}}`, `{"fva":[1,2,3]}`, `{"fva":[[1],2]}`, `{"fva":[]}`, `{"fva":[1,"a,b"]}`, `{"fva":["]",1]}`,
	`{"v":2,"fea":"","pla":"\u006f:a\tb","o":{"id":"i","per":"\u0061","fpm":"18446744073709551615,18446744073709551616,9999999999999999999,0000000000000000000000001"}}`,
	`{"org_id":5,"org_slug":"s","org_role":"r","org_permissions":["a",1,"\u0062"],"public_metadata":{"a":1},"act":{"sub":"x","sid":1e999}}`,
	`{"organization_id":"i","org_role":"r","org_permissions":["a"],"licenses":["l"],"entitlements":[],"act":{"sub":"x"},"metadata":null,"sts":"pending"}`,
}

// TestFromClaims_reference compares on the vectors, and on every seed with one octet
// replaced or left out.
func TestFromClaims_reference(t *testing.T) {
	for _, name := range []string{"decode.jsonl", "has.jsonl"} {
		cases, err := os.ReadFile("../../testdata/clerk/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(cases) {
			var v struct{ Claims json.RawMessage }
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
			likeReference(t, string(v.Claims))
		}
	}
	for _, seed := range referenceSeeds {
		likeReference(t, seed)
		for i := range seed {
			likeReference(t, seed[:i]+seed[i+1:])
			for _, c := range `"\{}[]:,-.0129eEouv x` {
				likeReference(t, seed[:i]+string(c)+seed[i+1:])
			}
		}
	}
}

// FuzzFromClaims_reference compares on any payload.
func FuzzFromClaims_reference(f *testing.F) {
	for _, seed := range referenceSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) { likeReference(t, payload) })
}

// FuzzFromClaims_referenceOrg compares on the claims of an organization.
func FuzzFromClaims_referenceOrg(f *testing.F) {
	f.Add(`"o:a,u:b,ou:c"`, `"x,y,,z"`, `"15, 002,99999999999999999999"`, `"admin"`, `"org_1"`, `[1,-1]`)
	f.Add(`"o:a,"`, `"r"`, `1`, `["a"]`, `true`, `[1,2,3]`)
	f.Add(`null`, `0`, `""`, `{"toString":1}`, `{}`, `[[1],2]`)
	f.Add(`"\ufeffo:a:b,o:"`, `",,"`, `"9223372036854775809, 7"`, `1e21`, `0`, `[ 1.5 , -1 ]`)
	f.Fuzz(func(t *testing.T, fea, per, fpm, rol, id, fva string) {
		likeReference(t, fmt.Sprintf(`{"v":2,"fea":%s,"pla":%[1]s,"fva":%s,"o":{"id":%s,"per":%s,"fpm":%s,"rol":%s}}`, fea, fva, id, per, fpm, rol))
	})
}
