package remote

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A forger is a registry of one image, that may say what it likes. It wants a bearer token
// where it names a realm.
type forger struct {
	mu       sync.Mutex
	manifest []byte
	kind     string
	blobs    map[digest.Digest][]byte
	says     string // what it calls the manifest
	realm    string
	moved    string // where blobs are
	got      []string
}

func newForger(t testing.TB, archive []byte) *forger {
	t.Helper()
	return forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(archive), Size: int64(len(archive))}}}, archive)
}

func forge(t testing.TB, m ocispec.Manifest, blobs ...[]byte) *forger {
	t.Helper()
	f := &forger{kind: ocispec.MediaTypeImageManifest, blobs: map[digest.Digest][]byte{}}
	config := []byte("{}")
	for _, b := range append(blobs, config) {
		f.blobs[digest.FromBytes(b)] = b
	}
	m.Versioned.SchemaVersion, m.MediaType = 2, ocispec.MediaTypeImageManifest
	if m.Config.Digest == "" {
		m.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	f.manifest, f.says = text, digest.FromBytes(text).String()
	return f
}

func (f *forger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	auth := r.Header.Get("Authorization")
	f.got = append(f.got, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+auth))
	if f.realm != "" && auth != "Bearer short-lived" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s",service="registry",scope="repository:main:pull"`, f.realm))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/v2/main/manifests/") {
		w.Header().Set("Docker-Content-Digest", f.says)
		w.Header().Set("Content-Type", f.kind)
		w.Header().Set("Content-Length", fmt.Sprint(len(f.manifest)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(f.manifest)
		}
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/v2/main/blobs/")
	if f.moved != "" {
		http.Redirect(w, r, f.moved+"/"+name+"?sig=s3cret", http.StatusTemporaryRedirect)
		return
	}
	body, ok := f.blobs[digest.Digest(name)]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(body)
}

func (f *forger) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.got, "\n")
}

func (f *forger) reference(t testing.TB, tag string) string {
	t.Helper()
	return "oci://" + strings.TrimPrefix(serve(t, f.ServeHTTP).URL, "http://") + "/main" + tag
}

// TestRegistry_lies: a registry is believed nothing that can be checked.
func TestRegistry_lies(t *testing.T) {
	clean := emptyTemp(t)
	one, two := revision(t, "one"), revision(t, "two")
	layer := func(b []byte) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(b), Size: int64(len(b))}
	}
	pinned := newForger(t, one).says
	for name, tc := range map[string]struct {
		forger *forger
		tag    string
		want   string
	}{
		"another manifest than pinned":        {newForger(t, two), "@" + pinned, "the registry names the manifest sha256:"},
		"another manifest, called the pinned": {func() *forger { f := newForger(t, two); f.says = pinned; return f }(), ":prod@" + pinned, "in the place of " + pinned},
		"another manifest than it says":       {func() *forger { f := newForger(t, two); f.says = pinned; return f }(), ":prod", "in the place of " + pinned},
		"another blob":                        {func() *forger { f := newForger(t, one); f.blobs[digest.FromBytes(one)] = flip(one, 20); return f }(), ":prod", "in the place of " + digest.FromBytes(one).String()},
		"another blob, longer":                {func() *forger { f := newForger(t, one); f.blobs[digest.FromBytes(one)] = append(one, 0); return f }(), ":prod", "more than the limit"},
		"no blob":                             {func() *forger { f := newForger(t, one); clear(f.blobs); return f }(), ":prod", "(404)"},
		"no digest":                           {func() *forger { f := newForger(t, one); f.says = ""; return f }(), ":prod", "sha256"},
		"sha512": {func() *forger {
			f := newForger(t, one)
			f.says = digest.SHA512.FromBytes(f.manifest).String()
			return f
		}(), ":prod", "sha256"},
		"a path":      {func() *forger { f := newForger(t, one); f.says = "sha256:../../../etc/passwd"; return f }(), ":prod", "sha256"},
		"no manifest": {func() *forger { f := newForger(t, one); f.kind = "text/html"; return f }(), ":prod", "not a manifest of a bundle"},
		"an index": {func() *forger {
			f := newForger(t, one)
			f.kind = ocispec.MediaTypeImageIndex
			f.manifest = fmt.Appendf(nil, `{"schemaVersion": 2, "manifests": [{"mediaType": %q, "digest": %q, "size": 1}]}`, ocispec.MediaTypeImageManifest, pinned)
			f.says = digest.FromBytes(f.manifest).String()
			return f
		}(), ":prod", "index of several manifests"},
		"a large manifest": {func() *forger {
			f := newForger(t, one)
			f.manifest = append(f.manifest, []byte(strings.Repeat(" ", maxManifestBytes))...)
			return f
		}(), ":prod", "the manifest has"},
		"no layer":              {forge(t, ocispec.Manifest{}), ":prod", "no layer of the type"},
		"another layer type":    {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: "x/y", Digest: digest.FromBytes(one), Size: int64(len(one))}}}, one), ":prod", "no layer of the type"},
		"a subject":             {forge(t, ocispec.Manifest{Subject: &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(pinned), Size: 300}, Layers: []ocispec.Descriptor{layer(one)}}, one), ":prod", "it leads to manifests"},
		"a huge layer":          {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(one), Size: 1 << 40}}}, one), ":prod", "more than the limit"},
		"huge in all":           {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{layer(one), {MediaType: "x/y", Digest: digest.FromBytes(two), Size: 1 << 62}, {MediaType: "x/y", Digest: digest.FromString(""), Size: 1 << 62}}}, one, two), ":prod", "more than the limit"},
		"two sizes":             {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{layer(one), {MediaType: "x/y", Digest: digest.FromBytes(one), Size: 3}}}, one), ":prod", "two sizes"},
		"a negative size":       {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(one), Size: -1}}}, one), ":prod", "without a sha256 digest or a size"},
		"a blob by path":        {forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: "sha256:../../x", Size: 1}}}, one), ":prod", "without a sha256 digest or a size"},
		"blobs in plain text":   {func() *forger { f := newForger(t, one); f.moved = "http://storage.invalid"; return f }(), ":prod", "plain http to storage.invalid is refused"},
		"a realm in plain text": {func() *forger { f := newForger(t, one); f.realm = "http://tokens.invalid/token"; return f }(), ":prod", "plain http to tokens.invalid is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			o := defaults(tc.forger.reference(t, tc.tag))
			s := newSource(t, o)
			wantFault(t, s, tc.want)
			if _, ok := s.Latest(); ok {
				t.Error("it is held")
			}
		})
	}
	clean()
	// The one that tells the truth, one whose layer is there twice, and one as oras pushes it.
	mustFetch(t, newSource(t, defaults(newForger(t, one).reference(t, "@"+pinned))), one)
	mustFetch(t, newSource(t, defaults(forge(t, ocispec.Manifest{Layers: []ocispec.Descriptor{layer(one), layer(two), layer(one)}}, one, two).reference(t, ":prod"))), one)
	artifact := ocispec.Manifest{ArtifactType: "application/vnd.unknown.artifact.v1", Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{layer(one)}}
	mustFetch(t, newSource(t, defaults(forge(t, artifact, one).reference(t, ":prod"))), one)
}

// TestRegistry_opaSeesNothing: of a bundle in a registry too.
func TestRegistry_opaSeesNothing(t *testing.T) {
	archive := archiveOf(t, map[string]string{"model/data.json": "not JSON", "a.rego": "this is not Rego"})
	mustFetch(t, newSource(t, defaults(newForger(t, archive).reference(t, ":prod"))), archive)
}

// A tokenServer gives tokens for whatever it is shown, and says what that was.
type tokenServer struct {
	mu  sync.Mutex
	got []string
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r.Method+" "+r.Header.Get("Authorization")+" "+string(body))
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"token": "short-lived", "access_token": "short-lived"}`)
}

func (s *tokenServer) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.got, "\n")
}

// TestRegistry_tokens: the credentials go to the token server that the registry names, and
// the token that it gives to the registry; where the blobs are gets neither.
func TestRegistry_tokens(t *testing.T) {
	one := revision(t, "one")
	f, tokens := newForger(t, one), &tokenServer{}
	f.realm = serve(t, tokens.ServeHTTP).URL + "/token"
	var stored []string
	storage := serve(t, func(w http.ResponseWriter, r *http.Request) {
		stored = append(stored, r.Header.Get("Authorization")+r.Header.Get("Referer"))
		_, _ = w.Write(f.blobs[digest.Digest(strings.TrimPrefix(r.URL.Path, "/"))])
	})
	f.moved = storage.URL
	o := defaults(f.reference(t, ":prod"))
	host := strings.TrimSuffix(strings.TrimPrefix(o.URL, "oci://"), "/main:prod")
	o.DockerConfig = dockerConfig(t, host, "ada", "s3cret")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:s3cret"))
	s := newSource(t, o)
	mustFetch(t, s, one)
	if got := tokens.asked(); !strings.HasPrefix(got, "GET "+basic) {
		t.Errorf("the token server was asked %s", got)
	}
	if got := f.asked(); strings.Contains(got, "Basic") {
		t.Errorf("the registry was shown the password, and wants a token:\n%s", got)
	}
	if got := strings.Join(stored, ""); len(stored) == 0 || got != "" {
		t.Errorf("the storage was shown %q in %d requests", got, len(stored))
	}

	// An identity token is exchanged by a POST.
	tokens.got = nil
	writeFile(t, o.DockerConfig, fmt.Sprintf(`{"auths": {%q: {"identitytoken": "s3cret-identity"}}}`, host))
	s = newSource(t, o)
	mustFetch(t, s, one)
	if got := tokens.asked(); !strings.HasPrefix(got, "POST  ") || !strings.Contains(got, "refresh_token=s3cret-identity") {
		t.Errorf("the token server was asked %s", got)
	}
	if got := f.asked(); strings.Contains(got, "identity") {
		t.Errorf("the registry was shown the identity token:\n%s", got)
	}
}

// TestRegistry_tokenElsewhere: a token server that sends on gets the next one nothing, and
// a registry that wants nobody's credentials gets none.
func TestRegistry_tokenElsewhere(t *testing.T) {
	one := revision(t, "one")
	next := &tokenServer{}
	elsewhere := serve(t, next.ServeHTTP)
	f := newForger(t, one)
	f.realm = serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}).URL
	o := defaults(f.reference(t, ":prod"))
	host := strings.TrimSuffix(strings.TrimPrefix(o.URL, "oci://"), "/main:prod")
	o.DockerConfig = dockerConfig(t, host, "ada", "s3cret")
	mustFetch(t, newSource(t, o), one) // an anonymous token, in the end
	writeFile(t, o.DockerConfig, fmt.Sprintf(`{"auths": {%q: {"identitytoken": "s3cret-identity"}}}`, host))
	wantFault(t, newSource(t, o), "sends a POST on")
	if got := next.asked(); got != "GET  " {
		t.Errorf("where the token server sends on, there came\n%q", got)
	}
	f.realm = ""
	mustFetch(t, newSource(t, o), one)
	if got := f.asked(); strings.Contains(got[strings.LastIndex(got, "HEAD"):], "Basic") {
		t.Errorf("a registry that wants no credentials got some:\n%s", got)
	}
}

// TestRegistry_noDirectory: without a place to copy to, that is the error.
func TestRegistry_noDirectory(t *testing.T) {
	f := newForger(t, revision(t, "one"))
	s := newSource(t, defaults(f.reference(t, ":prod")))
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	wantFault(t, s, "a directory to copy to")
	kept := keeper(t, s.options.URL, filepath.Join(t.TempDir(), "kept"))
	for range 2 {
		left := filepath.Join(kept.options.own(".copy"), "blobs", "sha256")
		if err := os.MkdirAll(left, 0o700); err != nil { // by a crash
			t.Fatal(err)
		}
		kept.latest = nil
		mustFetch(t, kept, revision(t, "one"))
		if entries, err := os.ReadDir(kept.options.Directory); err != nil || len(entries) > 0 {
			t.Errorf("the directory has %v, %v", entries, err)
		}
	}
	c, err := manual(0)
	if err != nil {
		t.Fatal(err)
	}
	client, err := (&exchange{address: s.address}).restClient()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := newOCI(c, client, "x/y:z", writeFile(t, filepath.Join(os.TempDir(), "..", "file"), "")); err == nil {
		t.Errorf("newOCI = %v on a file", d)
	}
}

// TestRegistry_slow: the time of an attempt holds for a registry too.
func TestRegistry_slow(t *testing.T) {
	f := newForger(t, revision(t, "one"))
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			<-r.Context().Done()
			return
		}
		f.ServeHTTP(w, r)
	}))
	defer slow.Close()
	clean := emptyTemp(t)
	noLeaks(t, func() {
		o := defaults("oci://" + strings.TrimPrefix(slow.URL, "http://") + "/main:prod")
		o.Timeout = 300 * time.Millisecond
		wantFault(t, newSource(t, o), "no whole answer within 300ms")
	})
	clean()
}
