package request

import (
	"strings"
)

// Page reports whether the request is a browser's for a page, as Clerk's middleware tells
// one: a navigation, or Next.js's fetch of a page's data. A server action is none.
func (p Proxied) Page() bool {
	var page, rsc, action bool
	for field, content := range p.Fields {
		value := strings.ToLower(string(content))
		switch strings.ToLower(string(field)) {
		case "sec-fetch-dest":
			page = page || value == "document" || value == "iframe"
		case "accept":
			page = page || strings.Contains(value, "text/html")
			action = action || strings.Contains(value, "text/x-component")
		case "x-nextjs-data":
			page = page || value != ""
		case "next-url":
			rsc = rsc || value != ""
		case "next-action":
			action = action || value != ""
		case "content-type":
			action = action || strings.Contains(value, "multipart/form-data")
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
