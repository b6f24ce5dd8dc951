package request

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// withFields is a request with header fields: names and values in turn.
func withFields(pairs ...string) Proxied {
	var p Proxied
	for i := 0; i < len(pairs); i += 2 {
		p = p.WithField(pairs[i], pairs[i+1])
	}
	return p
}

func TestProxied_Page(t *testing.T) {
	f := func(want bool, pairs ...string) {
		t.Helper()
		if got := withFields(pairs...).Page(); got != want {
			t.Errorf("Page() with %q = %v, want %v", pairs, got, want)
		}
	}
	f(false)
	f(true, "Sec-Fetch-Dest", "document")
	f(true, "sec-fetch-dest", "iframe")
	f(false, "sec-fetch-dest", "empty")
	f(false, "sec-fetch-dest", "image", "accept", "image/png,*/*")
	f(true, "Accept", "text/html,application/xhtml+xml;q=0.9")
	f(true, "accept", "application/json", "accept", "text/HTML")
	f(false, "accept", "application/json")
	f(false, "accept", "*/*")
	f(true, "X-Nextjs-Data", "1")
	f(true, "next-url", "/x")
	f(true, "next-url", "/x", "accept", "*/*")
	f(false, "next-url", "/x", "next-action", "abc")
	f(false, "next-url", "/x", "accept", "text/x-component")
	f(false, "next-url", "/x", "content-type", "multipart/form-data; boundary=x")
	f(true, "next-url", "/x", "accept", "text/html", "next-action", "abc")
	f(false, "next-action", "abc")
	if (Proxied{}).Page() {
		t.Error("a request without fields is a page")
	}
}

// TestProxied_Page_clerk: the requests that Clerk sends to sign in are pages, and those
// that it answers otherwise to a session that is missing are none.
func TestProxied_Page_clerk(t *testing.T) {
	file, err := os.Open("../../testdata/clerk/protect.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pages := map[string]bool{"document": true, "iframe": true, "accept-html": true, "pages-data": true, "app-router-nav": true}
	seen := map[bool]int{}
	for scan := bufio.NewScanner(file); scan.Scan(); {
		var c struct {
			ID, Auth, Request, Want string
			Headers                 map[string]string
		}
		if err := json.Unmarshal(scan.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		page := pages[c.Request]
		if c.Want == "sign-in" && !page {
			t.Fatalf("%s: sign-in for %s", c.ID, c.Request)
		}
		var pairs []string
		for name, value := range c.Headers {
			pairs = append(pairs, name, value)
		}
		if got := withFields(pairs...).Page(); got != page {
			t.Errorf("%s: Page() of %s %v = %v, want %v", c.ID, c.Request, c.Headers, got, page)
		}
		seen[page]++
	}
	if seen[true] < 50 || seen[false] < 50 {
		t.Errorf("%d pages and %d others", seen[true], seen[false])
	}
}

func TestProxied_URL(t *testing.T) {
	f := func(p Proxied, url, back string) {
		t.Helper()
		if p.URL() != url || p.ReturnURL() != back {
			t.Errorf("URL() and ReturnURL() of %+v = %q, %q, want %q, %q", p, p.URL(), p.ReturnURL(), url, back)
		}
	}
	target := Target{Path: "/a b", Raw: "/a%20b?c=%2F"}
	f(Proxied{Method: "GET", Target: target}, "", "")
	f(Proxied{Method: "GET", Authority: "App.Example:8443", Target: target}, "https://App.Example:8443/a%20b?c=%2F", "https://App.Example:8443/a%20b?c=%2F")
	f(Proxied{Method: "HEAD", Scheme: "http", Authority: "a", Target: target}, "http://a/a%20b?c=%2F", "http://a/a%20b?c=%2F")
	f(Proxied{Method: "GET", Scheme: "wss", Authority: "a", Target: target}, "https://a/a%20b?c=%2F", "https://a/a%20b?c=%2F")
	f(Proxied{Method: "GET", Scheme: "ws", Authority: "a", Target: target}, "http://a/a%20b?c=%2F", "http://a/a%20b?c=%2F")
	f(Proxied{Method: "POST", Authority: "a", Target: target}, "https://a/a%20b?c=%2F", "")
	f(Proxied{Method: "GET", Authority: "a"}, "", "")
}
