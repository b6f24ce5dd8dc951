package proxies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestEnvoy_stale: once a bundle's server is out of reach for longer than max_age, Envoy
// denies, also where it would let errors pass, and allows again when the server answers.
func TestEnvoy_stale(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		var down atomic.Bool
		archive := beside(t)
		bundles := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				http.Error(w, "out of order", http.StatusBadGateway)
				return
			}
			_, _ = w.Write(archive)
		}))
		t.Cleanup(bundles.Close)
		dir := suiteBundle(t)
		write(t, dir, ".manifest", `{"revision": "1", "roots": ["model", "postern/extend"]}`)
		s := play(t, envoy(name, failOpen...), setting{bundle: dir + "}, {url: " + bundles.URL + ", poll: {min: 1s, max: 1s, timeout: 1s}, max_age: 3s, stale: deny", process: true})
		good := bearer(sign(t, nil))
		s.expect(200, "GET", "/reports/7", good...)
		down.Store(true)
		eventually(t, "max_age has passed", func() bool { return strings.Contains(s.postern.log.String(), "out of reach for too long") })
		eventually(t, "it denies", func() bool { return s.do("GET", "/reports/7", "", good...).Code == 403 })
		s.expect(403, "GET", "/public/x")
		down.Store(false)
		eventually(t, "it allows again", func() bool { return s.do("GET", "/reports/7", "", good...).Code == 200 })
		s.expect(200, "GET", "/public/x")
	})
}

// beside is an archive that says nothing of what the suite's bundle says.
func beside(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	var err error
	for name, text := range map[string]string{".manifest": `{"revision": "1", "roots": ["acme"]}`, "acme.rego": "package acme\n"} {
		err = errors.Join(err, tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}))
		_, failed := tw.Write([]byte(text))
		err = errors.Join(err, failed)
	}
	if err = errors.Join(err, tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
