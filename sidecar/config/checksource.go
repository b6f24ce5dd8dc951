package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"postern/sidecar/outbound"
)

// remotes checks what is said of where bundles are fetched from, and where they are kept.
func (k checker) remotes() {
	for _, l := range k.bundleLists() {
		for i, b := range l.bundles {
			key := index(l.key, i)
			switch {
			case (b.Path == "") == (b.URL == "") || k.blames(key) || k.blames(join(key, "url")):
			case b.URL == "":
				k.localSource(key, b)
			default:
				k.remoteSource(key, b)
			}
		}
	}
	k.optional("persistence_directory", k.PersistenceDirectory, checkPath)
}

// localSource refuses what would have no effect beside a path.
func (k checker) localSource(key string, b Bundle) {
	normal := DefaultBundle()
	for _, m := range []struct {
		key  string
		said bool
	}{
		{"token_file", b.TokenFile != normal.TokenFile},
		{"docker_config", b.DockerConfig != normal.DockerConfig},
		{"tls", b.TLS != normal.TLS},
		{"proxy", b.Proxy != normal.Proxy},
		{"poll", b.Poll != normal.Poll && b.Poll != (Poll{})},
		{"max_age", b.MaxAge != normal.MaxAge},
		{"stale", b.Stale != normal.Stale && b.Stale != ""},
	} {
		if m.said {
			k.wrong(join(key, m.key), "is for a bundle with a url")
		}
	}
}

// remoteSource checks what is said of one URL.
func (k checker) remoteSource(key string, b Bundle) {
	u, err := url.Parse(b.URL)
	if err != nil {
		k.wrong(join(key, "url"), "%s is no absolute URL", show(b.URL))
		return
	}
	if u.Scheme == "oci" {
		k.must(join(key, "url"), checkReference(b.URL))
		if b.TokenFile != "" {
			k.wrong(join(key, "token_file"), "is for http(s): a registry's credentials are in docker_config")
		}
	} else if b.DockerConfig != "" {
		k.wrong(join(key, "docker_config"), "is for oci: the token of an http(s) server is in token_file")
	}
	plain := u.Scheme == "http"
	if plain && b.TokenFile != "" && !outbound.Loopback(u.Hostname()) {
		k.wrong(join(key, "token_file"), "would be sent in the clear: the url must be https")
	}
	if plain && b.TLS != (ClientTLS{}) {
		k.wrong(join(key, "tls"), "has no effect on an http url")
	}
	k.optional(join(key, "token_file"), b.TokenFile, checkPath)
	k.optional(join(key, "docker_config"), b.DockerConfig, checkPath)
	k.optional(join(key, "proxy"), b.Proxy, checkProxy)
	k.clientTLS(join(key, "tls"), b.TLS)
	k.poll(join(key, "poll"), b.Poll, u.Scheme == "oci")
	k.age(key, b)
}

// poll checks the times of a URL.
func (k checker) poll(key string, p Poll, registry bool) {
	for _, d := range []struct {
		key            string
		value, low, to time.Duration
	}{
		{"min", p.Min, time.Second, 24 * time.Hour},
		{"max", p.Max, time.Second, 24 * time.Hour},
		{"timeout", p.Timeout, time.Second, time.Hour},
	} {
		if d.value < d.low || d.value > d.to {
			k.wrong(join(key, d.key), "%s is not from %s to %s", d.value, d.low, d.to)
		}
	}
	if p.Min > p.Max && !k.blames(join(key, "max")) {
		k.wrong(join(key, "min"), "%s is more than max, %s", p.Min, p.Max)
	}
	switch {
	case p.Long == 0:
	case registry:
		k.wrong(join(key, "long"), "is for http(s): a registry cannot hold requests")
	case p.Long < time.Second || p.Long > time.Hour || p.Long%time.Second != 0:
		k.wrong(join(key, "long"), "%s is neither 0 nor whole seconds up to %s", p.Long, time.Hour)
	}
}

// age checks how long a server may be out of reach.
func (k checker) age(key string, b Bundle) {
	// While all is well, this is how long it can be between two answers.
	usual := b.Poll.Max + b.Poll.Long + b.Poll.Timeout
	switch {
	case b.MaxAge < 0:
		k.wrong(join(key, "max_age"), "must not be negative")
	case b.MaxAge == 0 && b.Stale != "" && b.Stale != StaleWarn:
		k.lacks(join(key, "max_age"), "is missing: without it, stale: %s never comes", b.Stale)
	case b.MaxAge > 0 && b.MaxAge < usual:
		k.wrong(join(key, "max_age"), "%s can pass while all is well: poll alone takes up to %s", b.MaxAge, usual)
	}
}

// reference is the shape of registry/repository with a tag, a digest or both. The package
// that asks registries reads it by its library; there is no arrow between the two.
var reference = regexp.MustCompile(`^[^/]+/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func checkReference(text string) error {
	rest := strings.TrimPrefix(text, "oci://")
	switch m := reference.FindStringSubmatch(rest); {
	case m == nil:
		return fmt.Errorf("%s is no oci://registry/repository with :tag, @sha256:… or both", show(text))
	case m[2] == "" && m[3] == "":
		return fmt.Errorf("%s has neither a tag nor a digest", show(text))
	}
	return nil
}

func checkProxy(text string) error {
	// A proxy's password has no place of its own, so that it may be in the URL.
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("%s is no URL", show(text))
	}
	u.User = nil
	_, err = checkURL(u.String(), "http", "https", "socks5")
	return err
}

// warnRemotes is about bundles that others may have written.
func (c *Config) warnRemotes(warn func(string, string, ...any)) {
	remote := false
	for i, b := range c.Bundles {
		key := index("bundles", i)
		u, err := url.Parse(b.URL)
		if b.URL == "" || err != nil {
			continue
		}
		remote = true
		if u.Scheme == "http" && !outbound.Loopback(u.Hostname()) && len(b.Signers) == 0 {
			warn(join(key, "url"), "plain http, and no signers: whoever is on the way to %s can write the policy", u.Host)
		}
	}
	if c.PersistenceDirectory != "" && !remote {
		warn("persistence_directory", "no bundle has a url; it has no effect")
	}
}
