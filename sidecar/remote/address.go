package remote

import (
	_ "crypto/sha256" // digests of references are checked with it
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"

	"postern/sidecar/outbound"
)

// An address is where a source is asked.
type address struct {
	// name is the URL without user, password and query.
	name string
	// url is the archive's, or of a registry its scheme and host.
	url *url.URL
	// reference is the registry's, with a tag or a digest; nil where url is the archive's.
	reference *registry.Reference
	// pinned is the digest that the manifest must have; empty, what the tag says is good.
	pinned digest.Digest
}

// parseAddress reads Options.URL. Its errors quote no more of the URL than its name. A
// registry on this machine is asked in plain http unless secure.
func parseAddress(raw string, secure bool) (*address, error) {
	if rest, ok := strings.CutPrefix(raw, "oci://"); ok {
		return parseReference(rest, secure)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL is neither https, http nor oci")
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.User != nil:
		return nil, errors.New("the URL has a user or a password in it: a token file keeps them out of logs")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, errors.New("the URL has a fragment")
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return &address{name: shown.String(), url: u}, nil
}

// parseReference reads registry/repository, with :tag, @digest or both.
func parseReference(text string, secure bool) (*address, error) {
	if strings.ContainsAny(text, "?#") {
		return nil, errors.New("the reference has a query or a fragment")
	}
	host, _, _ := strings.Cut(text, "/")
	if strings.Contains(host, "@") {
		return nil, errors.New("the reference has a user or a password in it: a docker config keeps them out of logs")
	}
	ref, err := registry.ParseReference(text)
	if err != nil {
		return nil, fmt.Errorf("the reference cannot be read: %w", err)
	}
	if ref.Reference == "" {
		return nil, errors.New("the reference has neither a tag nor a digest")
	}
	a := &address{name: "oci://" + text, reference: &ref, url: &url.URL{Scheme: "https", Host: ref.Host()}}
	if d, err := ref.Digest(); err == nil {
		if d.Algorithm() != digest.SHA256 {
			return nil, fmt.Errorf("the reference's digest is of %s: want sha256", d.Algorithm())
		}
		a.pinned = d
		if err := checkDroppedTag(text, ref); err != nil {
			return nil, err
		}
	}
	if outbound.Loopback(a.url.Hostname()) && !secure {
		a.url.Scheme = "http"
	}
	return a, nil
}

// checkDroppedTag checks the tag beside a digest, at which the library does not look.
func checkDroppedTag(text string, ref registry.Reference) error {
	before, _, _ := strings.Cut(text, "@")
	tag := strings.TrimPrefix(before, ref.Registry+"/"+ref.Repository)
	if tag == "" {
		return nil
	}
	ref.Reference = strings.TrimPrefix(tag, ":")
	if err := ref.ValidateReferenceAsTag(); err != nil {
		return fmt.Errorf("the reference cannot be read: %w", err)
	}
	return nil
}

// sameOrigin reports whether two URLs have one scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}
