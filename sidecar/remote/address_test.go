package remote

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/outbound"
)

const zeroDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func TestNew_name(t *testing.T) {
	f := func(url, name, asked string) {
		t.Helper()
		s := newSource(t, defaults(url))
		if got := s.Name(); got != name {
			t.Errorf("Name of %s = %s, want %s", url, got, name)
		}
		if got := s.address.url.String(); got != asked {
			t.Errorf("%s is asked at %s, want %s", url, got, asked)
		}
		if got := s.Status().Source; got != name {
			t.Errorf("Status().Source = %s, want %s", got, name)
		}
	}
	f("https://a.example/x/b.tar.gz?sig=s3cret", "https://a.example/x/b.tar.gz", "https://a.example/x/b.tar.gz?sig=s3cret")
	f("http://a.example", "http://a.example", "http://a.example")
	f("oci://a.example/x/y:1", "oci://a.example/x/y:1", "https://a.example")
	f("oci://a.example:5000/y@"+zeroDigest, "oci://a.example:5000/y@"+zeroDigest, "https://a.example:5000")
	f("oci://a.example/y:1@"+zeroDigest, "oci://a.example/y:1@"+zeroDigest, "https://a.example")
	f("oci://localhost:5000/y:1", "oci://localhost:5000/y:1", "http://localhost:5000")
	f("oci://127.0.0.1/y:1", "oci://127.0.0.1/y:1", "http://127.0.0.1")
	f("oci://docker.io/x/y:1", "oci://docker.io/x/y:1", "https://registry-1.docker.io")
}

func TestNew_refused(t *testing.T) {
	f := func(want string, change func(o *Options)) {
		t.Helper()
		o := defaults("https://a.example/b.tar.gz")
		change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("New(%s) = %v, want %q", o.URL, err, want)
		}
	}
	at := func(url string) func(*Options) { return func(o *Options) { o.URL = url } }
	f("neither https, http nor oci", at(""))
	f("neither https, http nor oci", at("ftp://a.example/s3cret"))
	f("neither https, http nor oci", at("/s3cret"))
	f("not a URL", at("https://a.example:s3cret/"))
	f("no host", at("https:///b"))
	f("a user or a password", at("https://ada:s3cret@a.example/b"))
	f("a fragment", at("https://a.example/b#s3cret"))
	f("a fragment", at("https://a.example/b#"))
	f("neither a tag nor a digest", at("oci://a.example/b"))
	f("missing registry or repository", at("oci://a.example"))
	f("cannot be read", at("oci://a.example/B:1"))
	f("cannot be read", at("oci://a.example/b:1/2"))
	f("cannot be read", at("oci://a.example/../b:1"))
	f("cannot be read", at("oci://a.example/b:"+strings.Repeat("x", 129)))
	f("cannot be read", at("oci://a.example/b@sha256:12"))
	f("cannot be read", at("oci://a.example/b:!@"+zeroDigest))
	f("query or a fragment", at("oci://a.example/b:1?s3cret"))
	f("a user or a password", at("oci://ada:s3cret@a.example/b:1"))
	f("want more than 0", func(o *Options) { o.Min = 0 })
	f("want more than 0", func(o *Options) { o.Min, o.Max = 2, 1 })
	f("a timeout of 0s", func(o *Options) { o.Timeout = 0 })
	f("a second at least", func(o *Options) { o.Long = time.Millisecond })
	f("a second at least", func(o *Options) { o.Long = -1 })
	f("let no archive in", func(o *Options) { o.Limits.TotalBytes = 0 })
	f("in the clear", func(o *Options) { o.URL, o.TokenFile = "http://a.example/b", "t" })
	f("a docker config is for registries", func(o *Options) { o.DockerConfig = "d" })
	f("a token file is for https", func(o *Options) { o.URL, o.TokenFile = "oci://a.example/b:1", "t" })
	f("cannot hold requests", func(o *Options) { o.URL, o.Long = "oci://a.example/b:1", time.Minute })
	f("no such file", func(o *Options) { o.CA = filepath.Join(t.TempDir(), "missing") })
	f("one is missing", func(o *Options) { o.Cert = "c" })
	f("one is missing", func(o *Options) { o.Key = "k" })
	f("no http, https or socks5 URL", func(o *Options) { o.Proxy = "proxy:s3cret" })
	f("no http, https or socks5 URL", func(o *Options) { o.Proxy = "ftp://ada:s3cret@proxy" })
	f("no such file", func(o *Options) { o.URL, o.DockerConfig = "oci://a.example/b:1", filepath.Join(t.TempDir(), "missing") })
}

func TestSameOrigin(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		u, err := url.Parse(a)
		if err != nil {
			t.Fatal(err)
		}
		v, err := url.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameOrigin(u, v); got != want {
			t.Errorf("sameOrigin(%s, %s) = %v, want %v", a, b, got, want)
		}
	}
	f("https://a.example/x", "https://A.example:443/y", true)
	f("http://a.example/x", "http://a.example:80", true)
	f("https://a.example", "http://a.example", false)
	f("https://a.example", "https://a.example:444", false)
	f("https://a.example", "https://b.a.example", false)
}

// TestBetween: no wait is outside of its bounds.
func TestBetween(t *testing.T) {
	for range 50 {
		if got := between(time.Second, 2*time.Second); got < time.Second || got > 2*time.Second {
			t.Errorf("between = %s", got)
		}
	}
}

// FuzzParseAddress: what is accepted is asked at the host that the text names, and its
// name has no secret.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"https://a.example/b?x=y", "http://[::1]:80/b", "oci://a.example:5000/x/y:1@" + zeroDigest, "oci://localhost/y:1",
		"oci://a@b/c:d", "https://a\x00", "oci://a/b:c@d@e", "oci://[::1]:5000/b:c", "https://a%2fb/c",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, raw string, secure bool) {
		a, err := parseAddress(raw, secure)
		if err != nil {
			return
		}
		if a.url.Scheme == "http" && a.reference != nil && (secure || !outbound.Loopback(a.url.Hostname())) {
			t.Errorf("%q is asked in the clear", raw)
		}
		if a.url.User != nil || strings.ContainsAny(a.name, "?#") && a.reference != nil {
			t.Errorf("%q is shown as %q", raw, a.name)
		}
		if a.reference != nil {
			host, _, _ := strings.Cut(strings.TrimPrefix(raw, "oci://"), "/")
			if host != a.url.Host && host != "docker.io" {
				t.Errorf("%q is asked at %q", raw, a.url.Host)
			}
			if again, err := parseAddress(a.name, secure); err != nil || again.name != a.name || *again.reference != *a.reference {
				t.Errorf("%q is shown as %q, which is another: %v", raw, a.name, err)
			}
		}
	})
}
