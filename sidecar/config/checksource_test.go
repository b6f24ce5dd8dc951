package config

import (
	"strings"
	"testing"
	"time"
)

const pinned = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// unplaced is the least configuration, of which nothing is known to stand anywhere.
func unplaced(t *testing.T) *Config {
	t.Helper()
	c := mustLoad(t, "", nil, minimal)
	clear(c.places)
	return c
}

func TestRemotes(t *testing.T) {
	f := func(url string, change func(*Bundle), want ...string) {
		t.Helper()
		c := unplaced(t)
		b := DefaultBundle()
		b.URL = url
		if change != nil {
			change(&b)
		}
		c.Bundles = Bundles{b}
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		for i := range want {
			want[i] = "bundles[0]." + want[i]
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%s: Validate:\n%s\nwant:\n%s", url, got, strings.Join(want, "\n"))
		}
	}
	const https, oci = "https://a.example/b.tar.gz?x=y", "oci://a.example/x/y:1"
	f(https, nil)
	f("http://127.0.0.1:80/b.tar.gz", func(b *Bundle) { b.TokenFile = "t" })
	f(https, func(b *Bundle) {
		b.TokenFile, b.Proxy, b.MaxAge, b.Stale = "t", "http://u:p@proxy.example:3128", time.Hour, StaleDeny
		b.TLS, b.Poll.Long = ClientTLS{CA: "a", Cert: "c", Key: "k"}, 5*time.Minute
	})
	for _, good := range []string{":1", pinned, ":1" + pinned, ":v1.2_3-x"} {
		f("oci://a.example:5000/x/y-z/w"+good, func(b *Bundle) { b.DockerConfig = "d" })
	}
	f("oci://a.example/x", nil, `url: "oci://a.example/x" has neither a tag nor a digest`)
	for _, bad := range []string{"oci://a.example/X:1", "oci://a.example/x:1/2", "oci://a.example/../x:1", "oci://a.example/x@sha256:12", "oci://a.example/x/:1", "oci://a.example"} {
		f(bad, nil, "url: "+show(bad)+" is no oci://registry/repository with :tag, @sha256:… or both")
	}
	f("https://u:p@a.example/b", nil, `url: "https://…@a.example/b" must not carry a user or a password`)
	f(oci, func(b *Bundle) { b.TokenFile = "t" }, "token_file: is for http(s): a registry's credentials are in docker_config")
	f(oci, func(b *Bundle) { b.Poll.Long = time.Minute }, "poll.long: is for http(s): a registry cannot hold requests")
	f(https, func(b *Bundle) { b.DockerConfig = "d" }, "docker_config: is for oci: the token of an http(s) server is in token_file")
	f("http://a.example/b", func(b *Bundle) { b.TokenFile = "t" }, "token_file: would be sent in the clear: the url must be https")
	f("http://a.example/b", func(b *Bundle) { b.TLS.CA = "a" }, "tls: has no effect on an http url")
	f(https, func(b *Bundle) { b.TLS.Cert = "c" }, "tls.key: is missing beside cert")
	f(https, func(b *Bundle) { b.TLS.Key = "k" }, "tls.cert: is missing beside key")
	f(https, func(b *Bundle) { b.TokenFile = "https://x" }, `token_file: "https://x" is a URL: a path is wanted`)
	f(https, func(b *Bundle) { b.Proxy = "ftp://x" }, `proxy: "ftp://x" has the wrong scheme: want http, https, socks5`)
	f(https, func(b *Bundle) { b.Proxy = "proxy:3128" }, `proxy: "proxy:3128" is no absolute URL`)
	f(https, func(b *Bundle) { b.Poll.Min = 0 }, "poll.min: 0s is not from 1s to 24h0m0s")
	f(https, func(b *Bundle) { b.Poll.Max = 48 * time.Hour }, "poll.max: 48h0m0s is not from 1s to 24h0m0s")
	f(https, func(b *Bundle) { b.Poll.Timeout = 0 }, "poll.timeout: 0s is not from 1s to 1h0m0s")
	f(https, func(b *Bundle) { b.Poll.Min = time.Hour }, "poll.min: 1h0m0s is more than max, 2m0s")
	f(https, func(b *Bundle) { b.Poll.Long = 1500 * time.Millisecond }, "poll.long: 1.5s is neither 0 nor whole seconds up to 1h0m0s")
	f(https, func(b *Bundle) { b.Poll.Long = -time.Second }, "poll.long: -1s is neither 0 nor whole seconds up to 1h0m0s")
	f(https, func(b *Bundle) { b.Stale = StaleNotReady }, "max_age: is missing: without it, stale: not_ready never comes")
	f(https, func(b *Bundle) { b.MaxAge = -1 }, "max_age: must not be negative")
	f(https, func(b *Bundle) { b.MaxAge = time.Minute }, "max_age: 1m0s can pass while all is well: poll alone takes up to 2m30s")
}

func TestRemotes_path(t *testing.T) {
	c := unplaced(t)
	c.Bundles = Bundles{{
		Path: "b", TokenFile: "t", DockerConfig: "d", TLS: ClientTLS{CA: "a"}, Proxy: "http://p",
		Poll: Poll{Min: time.Second}, MaxAge: time.Hour, Stale: StaleDeny,
	}}
	var want []string
	for _, key := range []string{"token_file", "docker_config", "tls", "proxy", "poll", "max_age", "stale"} {
		want = append(want, "bundles[0]."+key+": is for a bundle with a url")
	}
	wantMistakes(t, c.Validate(), want...)
	c.Bundles = Bundles{pathOf("b")}
	c.PersistenceDirectory = "https://x"
	wantMistakes(t, c.Validate(), `persistence_directory: "https://x" is a URL: a path is wanted`)
}

func TestRemotes_warnings(t *testing.T) {
	c := unplaced(t)
	warned := func(text string) bool { return strings.Contains(strings.Join(c.Warnings(), "\n"), text) }
	c.PersistenceDirectory = "kept"
	if !warned("persistence_directory: no bundle has a url; it has no effect") {
		t.Errorf("Warnings do not name persistence_directory: %q", c.Warnings())
	}
	b := DefaultBundle()
	b.URL = "http://a.example/b?sig=s3cret"
	c.Bundles = Bundles{b}
	if !warned("bundles[0].url: plain http, and no signers: whoever is on the way to a.example can") || warned("persistence_directory") || warned("s3cret") {
		t.Errorf("Warnings = %q", c.Warnings())
	}
	for _, url := range []string{"https://a.example/b", "http://localhost/b", "oci://a.example/b:1"} {
		c.Bundles[0].URL = url
		if warned("plain http") {
			t.Errorf("%s: Warnings = %q", url, c.Warnings())
		}
	}
	c.Bundles[0].URL, c.Bundles[0].Signers = "http://a.example/b", Signers{DefaultSigner()}
	if warned("plain http") {
		t.Errorf("signed: Warnings = %q", c.Warnings())
	}
}
