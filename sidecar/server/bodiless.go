package server

import (
	"github.com/valyala/fasthttp"
)

// bodiless are the doors that read no body.
var bodiless = map[string]bool{forwardAuthPath: true, authRequestPath: true}

// withoutBody keeps the server from waiting for a body that a door does not read: nginx
// announces its client's and does not send it. Whether one follows cannot be known, so
// the connection ends behind the answer.
func withoutBody(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	// A negative length other than -1, which stands for chunks, is none at all.
	if n := h.ContentLength(); (n > 0 || n == -1) && bodiless[string(doorOf(h.RequestURI()))] {
		h.SetContentLength(0)
		h.SetConnectionClose()
		h.Del(fasthttp.HeaderExpect) // nobody is told to send it
	}
	return fasthttp.RequestConfig{}
}

// lastOfBodiless lets the connection linger where it ends behind a request whose body was
// not read: one that is on its way all the same must not reset the answer.
func lastOfBodiless(ctx *fasthttp.RequestCtx, key []byte) {
	if ctx.Request.Header.ConnectionClose() && bodiless[string(key)] {
		hangUp(ctx)
	}
}
