package audit

import (
	"fmt"
	"net/url"

	"postern/sidecar/outbound"
)

// uploadURL is where to send, in OPA's way: a URL with a path is taken as it is, and else its
// service is asked at /logs.
func uploadURL(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%s is no URL to send to", shownURL(to))
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/logs"
	}
	return u.String(), nil
}

// shownURL is a URL without what may be secret in it.
func shownURL(to string) string {
	u, _ := url.Parse(to) // nil of what is none
	return outbound.Shown(u)
}
