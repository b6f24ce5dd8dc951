package response

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/decision"
)

// identityNames are the usual names.
var identityNames = IdentityHeaders{
	User: "x-postern-user", Session: "x-postern-session", Org: "x-postern-org", Role: "x-postern-role", Permissions: "x-postern-permissions",
}

func TestIdentityHeaders_Names(t *testing.T) {
	if got := identityNames.Names(); len(got) != 5 || got[0] != "x-postern-user" || got[4] != "x-postern-permissions" {
		t.Errorf("Names() = %q", got)
	}
	if got := (IdentityHeaders{Org: "x-org"}).Names(); !slices.Equal(got, []string{"x-org"}) {
		t.Errorf("Names() = %q, want x-org alone", got)
	}
}

func TestUpstream_Fits(t *testing.T) {
	f := func(i decision.Identity, fits bool) {
		t.Helper()
		if err := usual.Upstream(i).Fits(); (err == nil) != fits {
			t.Errorf("Fit of %d bytes = %v, want nil: %v", len(i.User)+len(strings.Join(i.Permissions, "")), err, fits)
		}
	}
	f(decision.Identity{}, true)
	f(decision.Identity{User: strings.Repeat("a", 16<<10-79)}, true)
	f(decision.Identity{User: strings.Repeat("a", 16<<10-78)}, false)
	f(decision.Identity{User: strings.Repeat("\n", 6<<10)}, false) // three bytes each
	f(decision.Identity{Permissions: slices.Repeat([]string{"org:reports:read"}, 1000)}, false)
	org := Proxy{Identity: IdentityHeaders{Org: "x-org"}}
	if err := org.Upstream(decision.Identity{User: strings.Repeat("a", 1<<20)}).Fits(); err != nil {
		t.Errorf("Fit of what is not sent = %v", err)
	}
}

// FuzzEncode: whatever a session holds, its header has only visible ASCII in it, and reads
// back as it was.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "user_1", "a,b", "a\r\nx-postern-role: owner", "a\x00b", "Ünïcøde", "\xff\xfe", "100%", `"a;b\c"`, " a ", "a\tb", "\u2028", strings.Repeat("é", 3000)} {
		f.Add(seed, "other")
		f.Add("other", seed)
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		values := []string{one, other, one}
		list := encodeList(values)
		if strings.Trim(list, visible) != "" || strings.ContainsAny(encode(one), `,;"\`) {
			t.Fatalf("encodeList(%q) = %q", values, list)
		}
		if got, err := url.PathUnescape(encode(one)); err != nil || got != one {
			t.Fatalf("encode(%q) reads back as %q, %v", one, got, err)
		}
		var got []string
		for part := range strings.SplitSeq(list, ",") {
			value, err := url.PathUnescape(part)
			if err != nil {
				t.Fatal(err)
			}
			if list != "" {
				got = append(got, value)
			}
		}
		want := slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if !slices.Equal(got, want) {
			t.Fatalf("encodeList reads back as %q, want %q", got, want)
		}
	})
}

// visible is what may stand in a list.
var visible = func() string {
	var all []byte
	for c := byte('!'); c <= '~'; c++ {
		if !strings.ContainsRune(`;"\`, rune(c)) {
			all = append(all, c)
		}
	}
	return string(all)
}()
