package response

import (
	"net/url"
	"strings"
	"testing"
)

func TestSignIn(t *testing.T) {
	f := func(base, original, want string) {
		t.Helper()
		if got := SignIn(base, original); got != want {
			t.Errorf("SignIn(%q, %q) = %q, want %q", base, original, got, want)
		}
	}
	const base = "https://accounts.example.com/sign-in"
	f("", "https://a.example/", "")
	f(base, "", base)
	f(base, "https://a.example/", base+"?redirect_url=https%3A%2F%2Fa.example%2F")
	f(base+"?theme=dark", "https://a.example/", base+"?theme=dark&redirect_url=https%3A%2F%2Fa.example%2F")
	f(base+"?", "https://a.example/", base+"?redirect_url=https%3A%2F%2Fa.example%2F")
	f(base+"?a=b&", "https://a.example/", base+"?a=b&redirect_url=https%3A%2F%2Fa.example%2F")
	f(base, "https://a.example/x?a=b&c=d#e", base+"?redirect_url=https%3A%2F%2Fa.example%2Fx%3Fa%3Db%26c%3Dd%23e")
	f(base, "https://a.example/"+strings.Repeat("a", 2048), base)
	f(base, "https://a.example/\r\nSet-Cookie: a=b", base+"?redirect_url=https%3A%2F%2Fa.example%2F%0D%0ASet-Cookie%3A+a%3Db")
}

func FuzzSignIn(f *testing.F) {
	f.Add("https://a.example/x?a=b&c=d")
	f.Add("https://a.example/\r\nLocation: x")
	f.Add("https://a.example/%0d%0a\u2028")
	f.Fuzz(func(t *testing.T, original string) {
		got := SignIn("https://accounts.example.com/?a=b", original)
		u, err := url.Parse(got)
		if err != nil || u.Host != "accounts.example.com" || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("SignIn(%q) = %q, %v", original, got, err)
		}
		if back := u.Query().Get("redirect_url"); back != original && len(original) <= longestReturn {
			t.Fatalf("SignIn(%q) leads back to %q", original, back)
		}
	})
}
