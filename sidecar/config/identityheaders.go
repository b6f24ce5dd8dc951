package config

import (
	"regexp"
	"slices"
	"strings"
)

// A Part is a part of a header's name, which may be empty.
type Part string

func parsePart(text string) (Part, error) { return Part(text), nil }

// Name is the whole name of the header that one of the members stands for, and empty where
// that is not sent.
func (h IdentityHeaders) Name(member Part) string {
	if member == "" {
		return ""
	}
	return string(h.Prefix + member)
}

// headerPrefix and headerName have no underscore: to CGI and its descendants it is a hyphen,
// and some proxies drop such headers.
var (
	headerPrefix = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*-$`)
	headerName   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// reservedHeaders have a meaning of their own to proxies, to upstreams or to Postern, and
// so has each that begins as one of reservedPrefixes.
var (
	reservedHeaders = []string{
		"age", "allow", "authorization", "cache-control", "connection", "cookie", "date", "early-data", "etag", "expect",
		"expires", "forwarded", "from", "host", "http2-settings", "keep-alive", "last-modified", "link", "location",
		"max-forwards", "origin", "pragma", "range", "referer", "retry-after", "server", "set-cookie", "te", "traceparent",
		"tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning", "www-authenticate",
		"x-decision-id", "x-frame-options", "x-method-override", "x-real-ip", "x-request-id", "x-rewrite-url",
	}
	reservedPrefixes = []string{
		"accept", "access-control-", "content-", "if-", "proxy-", "sec-", "strict-transport-",
		"x-accel-", "x-content-type-", "x-envoy-", "x-forwarded-", "x-http-method", "x-original-",
	}
)

// longestHeader bounds a name, which every allow sends.
const longestHeader = 100

func (k checker) identityHeaders() {
	h := k.IdentityHeaders
	if h.Prefix != "" && !headerPrefix.MatchString(string(h.Prefix)) {
		k.wrong("identity_headers.prefix", "%s is no prefix: want lower-case letters, digits and hyphens, with a hyphen at the end", show(string(h.Prefix)))
		return // the names follow from it
	}
	seen := map[string]string{}
	for _, m := range []struct {
		key  string
		part Part
	}{{"user", h.User}, {"session", h.Session}, {"org", h.Org}, {"role", h.Role}, {"permissions", h.Permissions}} {
		key, name := join("identity_headers", m.key), h.Name(m.part)
		reserved := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		switch {
		case name == "":
		case !headerName.MatchString(name) || len(name) > longestHeader:
			k.wrong(key, "%s is no name of a header: want lower-case letters, digits and hyphens", show(name))
		case slices.Contains(reservedHeaders, name) || slices.ContainsFunc(reservedPrefixes, reserved):
			k.wrong(key, "%s has a meaning of its own", show(name))
		case seen[name] != "":
			k.wrong(key, "%s is the name of %s already", show(name), seen[name])
		default:
			seen[name] = key
		}
	}
}
