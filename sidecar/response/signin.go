package response

import (
	"net/url"
	"strings"
)

// longestReturn bounds the address to come back to, since a header that is longer than a
// proxy's buffer becomes an error of the proxy's.
const longestReturn = 2048

// SignIn is the address of the sign-in page, told where to come back to: base with
// redirect_url added to its query. The host in original is the client's word, and the
// sign-in page must know to which it sends people back, as Clerk's does. An original that
// is empty or too long is left out.
func SignIn(base, original string) string {
	if base == "" || original == "" || len(original) > longestReturn {
		return base
	}
	separator := "?"
	if strings.HasSuffix(base, "?") || strings.HasSuffix(base, "&") {
		separator = ""
	} else if strings.Contains(base, "?") {
		separator = "&"
	}
	return base + separator + "redirect_url=" + url.QueryEscape(original)
}
