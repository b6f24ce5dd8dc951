package request

import "github.com/valyala/fasthttp"

// FindCookie is [FindCredential] without the Authorization header, which is the client's own
// where clients bring tokens: the session then comes in a cookie alone.
func FindCookie(h *fasthttp.RequestHeader, cookies []string) Credential {
	var found finder
	for _, value := range h.PeekAll(fasthttp.HeaderCookie) {
		found.cookie(view(value), cookies)
	}
	return found.credential()
}
