package config

import (
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	f := func(text string, want Size, written string) {
		t.Helper()
		got, err := ParseSize(text)
		if err != nil || got != want || got.String() != written {
			t.Fatalf("ParseSize(%q) = %d, %v, written %q, want %d, written %q", text, got, err, got, want, written)
		}
	}
	f("0", 0, "0")
	f("0KiB", 0, "0")
	f("1", 1, "1")
	f("512B", 512, "512")
	f("1024", 1024, "1KiB")
	f("8KiB", 8192, "8KiB")
	f("1536KiB", 1536*1024, "1536KiB")
	f("64MiB", 64<<20, "64MiB")
	f("3GiB", 3<<30, "3GiB")
	f("9223372036854775807", 1<<63-1, "9223372036854775807")
	for _, bad := range []string{
		"", "KiB", "B", "-1", "+1", "1.5KiB", "1e3", "08", "0x10", "1_000", " 1", "1 ", "8 KiB", "8kib", "8KB", "8K", "8k", "8TiB",
		"9223372036854775808", "9007199254740992KiB", "8589934592GiB", "99999999999999999999GiB", "٨",
	} {
		if got, err := ParseSize(bad); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", bad, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		if got, err := parseDuration(text); err != nil || got != want {
			t.Fatalf("parseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	f("0", 0)
	f("0s", 0)
	f("100ms", 100*time.Millisecond)
	f("1m30s", 90*time.Second)
	f("1.5h", 90*time.Minute)
	for _, bad := range []string{"", "5", "00", "-5s", "+5s", ".5s", "5 s", "5sec", "1d", "s", "1e3s", "9999999999h", "5s\n", "∞"} {
		if got, err := parseDuration(bad); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", bad, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	f := func(text string, want Address, loopback bool) {
		t.Helper()
		got, err := ParseAddress(text)
		if err != nil || got != want || got.Loopback() != loopback || got.String() != text {
			t.Fatalf("ParseAddress(%q) = %+v, %v, loopback %v, want %+v, loopback %v", text, got, err, got.Loopback(), want, loopback)
		}
	}
	f("127.0.0.1:8181", tcp("127.0.0.1:8181"), true)
	f("127.9.9.9:0", tcp("127.9.9.9:0"), true)
	f("[::1]:65535", tcp("[::1]:65535"), true)
	f("[::ffff:127.0.0.1]:1", tcp("[::ffff:127.0.0.1]:1"), true)
	f("localhost:1", tcp("localhost:1"), true)
	f(":8181", tcp(":8181"), false)
	f("0.0.0.0:8181", tcp("0.0.0.0:8181"), false)
	f("[::]:8181", tcp("[::]:8181"), false)
	f("[fe80::1%eth0]:80", tcp("[fe80::1%eth0]:80"), false)
	f("pdp.example.com:80", tcp("pdp.example.com:80"), false)
	f("localhost.example.com:80", tcp("localhost.example.com:80"), false)
	f("unix:///run/postern.sock", Address{"unix", "/run/postern.sock"}, true)
	f("unix:///a@b?c", Address{"unix", "/a@b?c"}, true)
	for _, bad := range []string{
		"", "8181", "127.0.0.1", "::1:80", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:080", "127.0.0.1:+1",
		"http://127.0.0.1:80", "tcp://127.0.0.1:80", "127.0.0.1:80/x", "127.1:80", "256.0.0.1:80", "a b:80", "a..b:80", "-a:80", "a\x00:80", "[::1:80", "[x]:80",
		"unix:", "unix://", "unix:///", "unix://run/x", "unix:/run/x", "unix:run", "unix:///a\nb", "unix:///" + strings.Repeat("a", 107), "UNIX:///a",
	} {
		if got, err := ParseAddress(bad); err == nil {
			t.Errorf("ParseAddress(%q) = %v, want an error", bad, got)
		}
	}
}

func TestAddress_collides(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		first, errA := ParseAddress(a)
		second, errB := ParseAddress(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if first.collides(second) != want || second.collides(first) != want {
			t.Fatalf("%s collides with %s = %v, want %v", a, b, !want, want)
		}
	}
	f("127.0.0.1:1", "127.0.0.1:1", true)
	f("127.0.0.1:1", "127.0.0.1:2", false)
	f("127.0.0.1:0", "127.0.0.1:0", false)
	f("127.0.0.1:1", "127.0.0.2:1", false)
	f("127.0.0.1:1", "[::1]:1", false)
	f(":1", "10.0.0.1:1", true)
	f("0.0.0.0:1", "127.0.0.1:1", true)
	f("[::]:1", "127.0.0.1:1", true)
	f("localhost:1", "127.0.0.1:1", true)
	f("localhost:1", "10.0.0.1:1", false)
	f("A.example:1", "a.example:1", true)
	f("unix:///a", "unix:///a", true)
	f("unix:///a", "unix:///b", false)
	f("unix:///a", "127.0.0.1:1", false)
}

func TestCheckOrigin(t *testing.T) {
	for _, good := range []string{
		"https://app.example.com", "http://localhost:3000", "https://app.example.com:8443", "http://127.0.0.1:1", "http://[::1]:3000",
		"chrome-extension://abcdefgh", "capacitor://localhost", "https://xn--bcher-kva.example",
	} {
		if err := checkOrigin(good); err != nil {
			t.Errorf("checkOrigin(%q) = %v, want nil", good, err)
		}
	}
	f := func(text, want string) {
		t.Helper()
		if err := checkOrigin(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("checkOrigin(%q) = %v, want an error with %q", text, err, want)
		}
	}
	f("https://app.example.com/", "not even a slash")
	f("https://app.example.com/a", "without a path")
	f("https://app.example.com?x", "without a path")
	f("https://u@app.example.com", "without a path")
	f("https://App.example.com", "lower case")
	f("https://*.example.com", "no patterns")
	f("*", "no patterns")
	f("https://a.example,https://b.example", "one by one")
	f("https://a.example:443", "own port")
	f("http://a.example:80", "own port")
	f("https://a.example:0", "from 1 to 65535")
	f("https://a.example:99999", "from 1 to 65535")
	f("https://a.example:", "without a path")
	f("https://", "without a path")
	f("app.example.com", "scheme://host[:port]")
	f("null", "scheme://host[:port]")
	f("", "scheme://host[:port]")
	f("https://a.example\n", "without a path")
	f(" https://a.example", "without a path")
}

func TestCheckCookie(t *testing.T) {
	for _, good := range []string{"__session", "__session_AbC-1", "a", "__Host-s"} {
		if err := checkCookie(good); err != nil {
			t.Errorf("checkCookie(%q) = %v, want nil", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "a=b", "a;b", "a,b", "\"a\"", "a\n", "é", strings.Repeat("a", 129)} {
		if err := checkCookie(bad); err == nil {
			t.Errorf("checkCookie(%q) = nil, want an error", bad)
		}
	}
}

// What is in a message cannot be a secret, nor write to a terminal.
func TestShow(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := show(text); got != want {
			t.Errorf("show(%q) = %s, want %s", text, got, want)
		}
	}
	f("a", `"a"`)
	f("a\x1b[31m", `"a\x1b[31m"`)
	f("https://u:hunter2@h.example/p?sig=hunter2", `"https://…@h.example/p?…"`)
	f("https://u:hun/ter@2@h.example", `"https://…@h.example"`)
	f("-----BEGIN RSA PRIVATE KEY-----", "a value of 31 bytes")
	f("a\nb", "a value of 3 bytes")
	f("sk_live_x", "a value of 9 bytes")
	f("eyJhbGciOi", "a value of 10 bytes")
	f(strings.Repeat("é", 100), `"`+strings.Repeat("é", 40)+`"…`)
	f("a"+strings.Repeat("é", 100), `"a`+strings.Repeat("é", 39)+`"…`)
}

// The cases are those of a manifest's entrypoints, in the package bundle.
func TestCheckEntrypoint(t *testing.T) {
	for path, good := range map[string]bool{
		"postern/check/decision": true,
		"a/b":                    true,
		"_a/B-1/c_2":             true,
		"data_/a":                true,
		"":                       false,
		"a":                      false,
		"/a/b":                   false,
		"a/b/":                   false,
		"a//b":                   false,
		"data/a/b":               false,
		"data.a.b":               false,
		"a.b":                    false,
		"a/b.c":                  false,
		"a/1b":                   false,
		"1a/b":                   false,
		"a/-b":                   false,
		"a/b c":                  false,
		"a/b\n":                  false,
		"a/b\x00":                false,
		"a/é":                    false,
		"a/\"b\"":                false,
		"a/../b":                 false,
		"a/b[0]":                 false,
		"a/\xff":                 false,
	} {
		if err := checkEntrypoint(path); (err == nil) != good {
			t.Errorf("checkEntrypoint(%q) = %v, want ok %t", path, err, good)
		}
	}
}

// A key of the file is shown as it is, unless it is a secret or not plain.
func TestSafeKey(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := safeKey(key); got != want {
			t.Errorf("safeKey(%q) = %s, want %s", key, got, want)
		}
	}
	f("listen", "listen")
	f("lis ten", `"lis ten"`)
	f("é", `"é"`)
	f("a\x1b", `"a\x1b"`)
	f("", "")
	f(strings.Repeat("k", 80), strings.Repeat("k", 80))
	f(strings.Repeat("k", 81), `"`+strings.Repeat("k", 80)+`"…`)
	f("sk_live_hunter2", "a value of 15 bytes")
}
