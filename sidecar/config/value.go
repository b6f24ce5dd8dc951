package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"postern/sidecar/outbound"
)

func checkName(name string) error {
	if name == "" || hasControl(name) || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%s has spaces or control characters, or nothing", show(name))
	}
	return nil
}

// checkPath refuses what cannot be a path, above all a key where a key's path belongs.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("is empty: a path is wanted")
	case looksSecret(path):
		return errors.New("is a secret or a key: give the path of a file with it")
	case isURL(path):
		return fmt.Errorf("%s is a URL: a path is wanted", show(path))
	case hasControl(path):
		return fmt.Errorf("%s has control characters: a path is wanted", show(path))
	}
	return nil
}

// entrypoint is a package and a rule, with slashes. The package bundle has the same
// pattern for manifests; there is no arrow between the two, so the tests of both have the
// same cases.
var entrypoint = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z_][A-Za-z0-9_-]*)+$`)

func checkEntrypoint(path string) error {
	if entrypoint.MatchString(path) && !strings.HasPrefix(path, "data/") {
		return nil
	}
	return fmt.Errorf("%s is no path of a rule: want package and rule with slashes, such as postern/check/decision", show(path))
}

// checkURL parses an absolute URL of one of the schemes, without user or fragment.
func checkURL(text string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || hasControl(text) || strings.ContainsAny(text, " \\") {
		return nil, fmt.Errorf("%s is no absolute URL", show(text))
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("%s has the wrong scheme: want %s", show(text), strings.Join(schemes, ", "))
	}
	if u.User != nil {
		return nil, fmt.Errorf("%s must not carry a user or a password", show(text))
	}
	if strings.Contains(text, "#") {
		return nil, fmt.Errorf("%s must not have a fragment", show(text))
	}
	if u.Hostname() == "" || checkHost(u.Hostname()) != nil {
		return nil, fmt.Errorf("%s has no host that can be reached", show(text))
	}
	if err := checkPort(u); err != nil {
		return nil, err
	}
	return u, nil
}

func checkPort(u *url.URL) error {
	if !strings.HasSuffix(u.Host, ":") && u.Port() == "" {
		return nil
	}
	if n, err := parseWhole(u.Port()); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port %s is not from 1 to 65535", show(u.Port()))
	}
	return nil
}

func checkPublicURL(text string) error {
	u, err := checkURL(text, "https", "http")
	if err == nil && (u.RawQuery != "" || u.ForceQuery) {
		return fmt.Errorf("%s must not have a query", show(text))
	}
	return err
}

// checkSecureURL wants https, or http to this machine.
func checkSecureURL(text string) error {
	u, err := checkURL(text, "https", "http")
	if err == nil && u.Scheme == "http" && !outbound.Loopback(u.Hostname()) {
		return fmt.Errorf("%s must be https: http is for loopback only", show(text))
	}
	return err
}

// checkSignInURL wants a page whose query has room for where to come back to.
func checkSignInURL(text string) error {
	if err := checkSecureURL(text); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.Query().Has("redirect_url") {
		return fmt.Errorf("%s has a redirect_url of its own, which each request's takes the place of", show(text))
	}
	return nil
}

func checkBundleURL(text string) error {
	_, err := checkURL(text, "https", "http", "oci")
	return err
}
