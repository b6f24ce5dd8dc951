package request

import (
	"errors"
	"slices"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"
)

// everyday are the headers of an ordinary request, with a token of 800 bytes, besides its
// Host and what a proxy says of it.
var everyday = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept-Language: en-GB,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Referer: https://app.example/reports",
	"Authorization: Bearer " + strings.Repeat("a", 100) + "." + strings.Repeat("b", 356) + "." + strings.Repeat("c", 342),
	"X-Request-Id: 6f5902ac-237a-4f0c-9c0e-7d1c52ab63a1",
	"X-Forwarded-For: 203.0.113.7",
	"Sec-Fetch-Dest: document",
	"Sec-Fetch-Mode: navigate",
	"Cookie: theme=dark; __session=a.b.c; _ga=GA1.1.1234567890.1234567890",
	"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}

const everydayTarget = "/orgs/org_2b1c/reports/2024-05?format=pdf&page=2"

// What the proxies say in headers of a request to everydayTarget.
var (
	everydayForwarded = []string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example", "X-Forwarded-Uri: " + everydayTarget}
	everydayOriginal  = []string{"X-Original-Method: GET", "X-Original-URL: https://app.example" + everydayTarget}
)

func everydayRequest(t testing.TB, target string, more ...string) *fasthttp.Request {
	t.Helper()
	r, err := wire("GET", target, slices.Concat([]string{"Host: app.example"}, more, everyday)...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkFindCredential(b *testing.B) {
	h := &everydayRequest(b, "/v1/check").Header
	b.ReportAllocs()
	for b.Loop() {
		if c := FindCredential(h, cookieNames); c.Code != "" {
			b.Fatal(c.Code)
		}
	}
}

// benchmarkReader reads one request again and again into one Proxied, as the server does.
func benchmarkReader[R any](b *testing.B, read func(*Proxied, R) error, r R) {
	b.Helper()
	var p Proxied
	b.ReportAllocs()
	for b.Loop() {
		if err := read(&p, r); err != nil {
			b.Fatal(err)
		}
		p.Reset()
	}
}

func BenchmarkReadExtAuthz(b *testing.B) {
	benchmarkReader(b, ReadExtAuthz, everydayRequest(b, "/ext_authz"+everydayTarget))
}

func BenchmarkReadForwardAuth(b *testing.B) {
	benchmarkReader(b, ReadForwardAuth, everydayRequest(b, "/forward-auth", everydayForwarded...))
}

func BenchmarkReadAuthRequest(b *testing.B) {
	benchmarkReader(b, ReadAuthRequest, everydayRequest(b, "/auth-request", everydayOriginal...))
}

func BenchmarkReadCheckRequest(b *testing.B) {
	benchmarkReader(b, ReadCheckRequest, check("GET", "https", "app.example", everydayTarget, everyday...))
}

// BenchmarkProxied looks for the credential and for what is refused before policy is asked.
func BenchmarkProxied(b *testing.B) {
	p, err := filled(ReadExtAuthz, everydayRequest(b, "/ext_authz"+everydayTarget))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c := p.Credential(cookieNames); c.Code != "" {
			b.Fatal(c.Code)
		}
		if p.CheckIdentity(identityNames) != nil || p.CheckUpgrade() != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkProxied_Clone(b *testing.B) {
	p, err := filled(ReadExtAuthz, everydayRequest(b, "/ext_authz"+everydayTarget))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Clone()
	}
}

func BenchmarkParseTarget(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTarget(everydayTarget); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMemory: reading an ordinary request takes no memory.
func TestMemory(t *testing.T) {
	f := func(name string, once func() error) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() {
			if err := once(); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	var p Proxied
	envoy, forwarded, original := everydayRequest(t, "/ext_authz"+everydayTarget), everydayRequest(t, "/", everydayForwarded...), everydayRequest(t, "/", everydayOriginal...)
	f("ReadExtAuthz", func() error { return ReadExtAuthz(&p, envoy) })
	f("ReadForwardAuth", func() error { return ReadForwardAuth(&p, forwarded) })
	f("ReadAuthRequest", func() error { return ReadAuthRequest(&p, original) })
	for _, r := range []*authv3.CheckRequest{check("GET", "https", "app.example", everydayTarget, everyday...), rawCheck("GET", "https", "app.example", everydayTarget)} {
		f("ReadCheckRequest", func() error { return ReadCheckRequest(&p, r) })
	}
	f("the gates", func() error { return errors.Join(p.CheckIdentity(identityNames), p.CheckUpgrade()) })
	for _, line := range []string{"Authorization: Bearer a.b.c", "Cookie: a=b; __session=a.b.c; c=d,e=f"} {
		r, err := wire("GET", "/ext_authz/", "Host: a", line)
		if err == nil {
			err = ReadExtAuthz(&p, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		missing := errors.New("no token")
		f(line, func() error {
			if FindCredential(&r.Header, cookieNames).Token == "" || p.Credential(cookieNames).Token == "" {
				return missing
			}
			return nil
		})
	}
	for _, target := range []string{"/", everydayTarget, "/a/b-c_d~e/f.g/@h,i:j/?k=%2F&l"} {
		f("ParseTarget of "+target, func() error { _, err := ParseTarget(target); return err })
	}
	for _, host := range []string{"app.example", "app.example:8443", "app.example.", "127.0.0.1"} {
		f("NormalHost of "+host, func() error { _, err := NormalHost(host); return err })
	}
}
