package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"postern/sidecar/remote"
	"postern/testdata/harness"
)

// pushed has the tag of a registry name an archive, and returns its manifest's digest.
func pushed(t testing.TB, tag string, archive []byte) (digest string) {
	t.Helper()
	digest, err := remote.Push(t.Context(), remote.PushOptions{Reference: tag, Archive: archive})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestRegistry_forgeries: whoever can push to the registry and has no signer's key changes
// nothing. The bundle before goes on deciding, status says why, and a good one is taken
// afterwards.
func TestRegistry_forgeries(t *testing.T) {
	tag := "oci://" + harness.Registry(t, "", "") + "/policies/main:prod"
	signer, stranger := newBundleSigner(t), newBundleSigner(t)
	public, err := os.ReadFile(signer.public)
	if err != nil {
		t.Fatal(err)
	}
	byKey := func(said []byte) []byte {
		h := hmac.New(sha256.New, public)
		h.Write(said)
		return h.Sum(nil)
	}
	release := func(n int) []byte {
		text := strconv.Itoa(n)
		return signer.archive(sayingBundle(text, "release "+text), nil)
	}
	evil := sayingBundle("99", "evil")
	payload := signer.payload(evil, nil) // as anybody can write it
	pushed(t, tag, release(1))
	s := start(t, remotely(t, tag, signer.members()+", ordered: true"))
	good := sign(t, nil)
	s.says(good, "release 1")

	n := 1
	f := func(name, cause string, forged []byte) {
		t.Run(name, func(t *testing.T) {
			pushed(t, tag, forged)
			var refused string
			eventually(t, "it is refused", func() bool {
				r := s.origins()[0].Server.Refused
				if r != nil {
					refused = r.Error
				}
				return r != nil && s.lastReload().Error != ""
			})
			if !strings.Contains(refused, cause) {
				t.Errorf("server.refused has %s, want %s", refused, cause)
			}
			if o := s.origins()[0]; o.Revision != strconv.Itoa(n) || o.SignedBy != "ci" || !o.Kept {
				t.Errorf("origin = %+v, want release %d, kept", o, n)
			}
			if a := s.ask(good, `{"role":"admin"}`); len(a.Reasons) != 1 || a.Reasons[0].Message != fmt.Sprint("release ", n) {
				t.Errorf("beside the forgery: %s", a.Body)
			}
			n++
			pushed(t, tag, release(n))
			s.says(good, fmt.Sprint("release ", n))
			eventually(t, "nothing is refused", func() bool {
				o := s.origins()[0]
				return !o.Kept && o.Server.Refused == nil && s.lastReload().Error == ""
			})
		})
	}
	by := func(header string, sign func([]byte) []byte) []byte {
		return withSignature(t, evil, jwt(header, payload, sign))
	}
	other := signer.payload(evil, map[string]any{"keyid": "next"})
	f("stripped", "must be signed", tarball(t, evil))
	f("another key's, same key id", `not a signature by "ci"`, stranger.archive(evil, nil))
	f("another key id", `by the key "next", which is none of the signers`,
		withSignature(t, evil, jwt(`{"alg":"EdDSA","kid":"next"}`, other, stranger.sign)))
	f("HS256 by the public key", `made with "HS256"`, by(`{"alg":"HS256","kid":"ci"}`, byKey))
	f("HS256 called EdDSA", `not a signature by "ci"`, by(`{"alg":"EdDSA","kid":"ci"}`, byKey))
	f("none", `made with "none"`, by(`{"alg":"none","kid":"ci"}`, func([]byte) []byte { return nil }))
	f("of other data", "rules.rego: its content is not what was signed",
		withSignature(t, evil, jwt(`{"alg":"EdDSA","kid":"ci"}`, signer.payload(sayingBundle("99", "signed"), nil), signer.sign)))
	f("an older release", "is lower than", release(1))
}

// TestRegistry_pinned: a digest in the reference is what decides, wherever its tag has moved,
// also where that is signed and newer.
func TestRegistry_pinned(t *testing.T) {
	tag := "oci://" + harness.Registry(t, "", "") + "/policies/main:prod"
	signer := newBundleSigner(t)
	digest := pushed(t, tag, signer.archive(sayingBundle("1", "pinned"), nil))
	s := start(t, remotely(t, tag+"@"+digest, signer.members()))
	good := sign(t, nil)
	s.says(good, "pinned")
	for _, moved := range [][]byte{tarball(t, sayingBundle("2", "evil")), signer.archive(sayingBundle("2", "newer"), nil)} {
		pushed(t, tag, moved)
		s.attempted(3)
		if a := s.ask(good, `{"role":"admin"}`); len(a.Reasons) != 1 || a.Reasons[0].Message != "pinned" {
			t.Errorf("after the tag was moved: %s", a.Body)
		}
		if o := s.origins()[0]; o.Revision != "1" || o.Kept || o.Server.Error != "" || o.Server.Refused != nil {
			t.Errorf("origin = %+v, %+v", o, o.Server)
		}
	}
}

// attempted waits until the first source was asked a few times more.
func (s *sidecar) attempted(times float64) {
	s.t.Helper()
	name := s.origins()[0].Name
	unchanged := func() float64 {
		return number(s.families(), "postern_source_fetches_total", "result", "unchanged", "source", name)
	}
	before := unchanged()
	eventually(s.t, "the server is asked again", func() bool { return unchanged() >= before+times })
}
