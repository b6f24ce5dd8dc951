package request

import (
	"strings"
)

// Page reports whether the request is a browser's for a page, as Clerk's middleware tells
// one: a navigation, or Next.js's fetch of a page's data. A server action is none.
func (p Proxied) Page() bool {
	var page, rsc, action bool
	for _, f := range p.fields {
		holds := func(text string) bool { return strings.Contains(strings.ToLower(f.value), text) }
		switch {
		case f.is("sec-fetch-dest"):
			page = page || SameName(f.value, "document") || SameName(f.value, "iframe")
		case f.is("accept"):
			page = page || holds("text/html")
			action = action || holds("text/x-component")
		case f.is("x-nextjs-data"):
			page = page || len(f.value) > 0
		case f.is("next-url"):
			rsc = rsc || len(f.value) > 0
		case f.is("next-action"):
			action = action || len(f.value) > 0
		case f.is("content-type"):
			action = action || holds("multipart/form-data")
		}
	}
	return page || rsc && !action
}

// URL is the address that the client asked for, empty where the proxy does not say the
// host. A proxy that does not say the scheme is taken to speak https to its clients.
func (p Proxied) URL() string {
	if p.Authority == "" || p.Target.Raw == "" {
		return ""
	}
	scheme := "https"
	if p.Scheme == "http" || p.Scheme == "ws" {
		scheme = "http"
	}
	return scheme + "://" + p.Authority + p.Target.Raw
}

// ReturnURL is the URL that a browser can come back to once it has signed in: that of a GET
// or HEAD. What was posted is not posted again.
func (p Proxied) ReturnURL() string {
	if p.Method != "GET" && p.Method != "HEAD" {
		return ""
	}
	return p.URL()
}
