package config

import (
	"strings"
	"testing"
)

// Identity headers are told apart from all others, and from each other.
func TestLoad_identityHeaders(t *testing.T) {
	f := func(members string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+"identity_headers: {"+members+"}\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("")
	f("prefix: x-acme-")
	f("prefix: '', user: remote-user, session: '', org: '', role: '', permissions: remote-groups")
	f("user: '', session: '', org: '', role: '', permissions: ''")
	f("prefix: x_", `28: identity_headers.prefix: "x_" is no prefix: want lower-case letters, digits and hyphens, with a hyphen at the end`)
	f("prefix: X-Acme-", `28: identity_headers.prefix: "X-Acme-" is no prefix: want lower-case letters, digits and hyphens, with a hyphen at the end`)
	f("user: User", `26: identity_headers.user: "x-postern-User" is no name of a header: want lower-case letters, digits and hyphens`)
	f("user: user_id", `26: identity_headers.user: "x-postern-user_id" is no name of a header: want lower-case letters, digits and hyphens`)
	f(`user: "a\r\nb: c"`, `26: identity_headers.user: a value of 17 bytes is no name of a header: want lower-case letters, digits and hyphens`)
	f("user: "+strings.Repeat("a", 91), `26: identity_headers.user: "x-postern-`+strings.Repeat("a", 70)+`"… is no name of a header: want lower-case letters, digits and hyphens`)
	f("role: user", `26: identity_headers.role: "x-postern-user" is the name of identity_headers.user already`)
	f("prefix: x-forwarded-, user: '', session: '', org: '', role: '', permissions: groups", `97: identity_headers.permissions: "x-forwarded-groups" has a meaning of its own`)
	for _, name := range []string{
		"authorization", "host", "cookie", "content-length", "content-type", "connection", "x-forwarded-uri", "x-original-url", "x-envoy-auth-headers-to-remove",
		"x-decision-id", "location", "www-authenticate", "set-cookie", "cache-control", "transfer-encoding",
	} {
		f("prefix: '', user: "+name+", session: '', org: '', role: '', permissions: ''", `38: identity_headers.user: "`+name+`" has a meaning of its own`)
	}
}
