package remote

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// FuzzKept: whatever is in the file, what is taken is what was kept.
func FuzzKept(f *testing.F) {
	dir := f.TempDir()
	s := keeper(f, "https://a.example/b", dir)
	one := sample(f, "one")
	if err := s.Keep(one); err != nil {
		f.Fatal(err)
	}
	whole := read(f, s.keptPath())
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)-1]))
	f.Add([]byte(strings.Replace(whole, `"size":`, `"size":0,"size":`, 1)))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := s.parseKept(text)
		if err == nil && (a.Digest != digestOf(a.Content) || !strings.HasSuffix(string(text), string(a.Content)) || usable(a.ETag) != a.ETag) {
			t.Errorf("parseKept(%q) = %+v", text, a)
		}
	})
}

// FuzzReadManifest: what a manifest lets be asked for is within the limits, and has
// digests that are file names.
func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(newForger(f, revision(f, "one")).manifest))
	f.Add([]byte(`{"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "` + zeroDigest + `", "size": 1}], "config": {"digest": "sha256:x", "size": 1}}`))
	f.Add([]byte(`{"manifests": [{}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		told := ""
		p := &pull{exchange: &exchange{options: defaults("oci://a.example/b:1")}, layer: func(hex string) { told = hex }}
		if p.readManifest(text) != nil {
			return
		}
		total := int64(0)
		for name, size := range p.sizes {
			if name.Validate() != nil || name.Algorithm() != digest.SHA256 || size < 0 {
				t.Errorf("%s of %d bytes may be asked for", name, size)
			}
			total += size
		}
		if most := p.options.Limits.TotalBytes; p.sizes[p.bundle] > most || total > most+maxManifestBytes {
			t.Errorf("%d bytes may be asked for, %d of them the bundle's", total, p.sizes[p.bundle])
		}
		if told != p.bundle.Encoded() {
			t.Errorf("OPA is told that it has %s, and the bundle is %s", told, p.bundle)
		}
	})
}

// FuzzRetryAfter: no server keeps itself from being asked for longer than an hour.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, seed := range []string{"1", "-1", "3601", "99999999999999999999", now.Format(http.TimeFormat), "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := retryAfter(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}}, now)
		if got < 0 || got > time.Hour {
			t.Errorf("retryAfter(%q) = %s", header, got)
		}
	})
}
