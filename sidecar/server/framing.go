package server

import (
	"bytes"
	"math"

	"github.com/valyala/fasthttp"
)

// maxFields bounds the header fields of a request. A cookie counts as a field, since a
// client may send each in its own (RFC 9113 section 8.2.3).
const maxFields = 256

// misframed looks through the headers for what fasthttp reads and others read otherwise:
// two lengths of one body (RFC 9112 section 6.1), an encoding that is not chunked, a
// name with a space, a folded line (section 5.2), a line that ends in a bare LF. It
// returns the status to refuse the request with, and 0 where all is well.
func misframed(h *fasthttp.RequestHeader) (status int, message string) {
	fields, length, encoding := 0, false, false
	var once [2]bool // of onlyOnce
	for rest := h.RawHeaders(); len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte{'\n'})
		rest = after
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return fasthttp.StatusBadRequest, "a header line does not end in CR LF"
		}
		if len(line) == 1 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return fasthttp.StatusBadRequest, "a header is folded into several lines"
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if bytes.IndexByte(name, ' ') >= 0 {
			return fasthttp.StatusBadRequest, "the name of a header has a space in it"
		}
		fields++
		for i, single := range onlyOnce {
			if named(name, single) && once[i] {
				return fasthttp.StatusBadRequest, "the header " + single + " is there twice"
			}
			once[i] = once[i] || named(name, single)
		}
		switch {
		case named(name, fasthttp.HeaderCookie):
			fields += bytes.Count(value, []byte{';'})
		case named(name, fasthttp.HeaderContentLength):
			length = true
		case named(name, fasthttp.HeaderTransferEncoding):
			if !named(bytes.Trim(value, " \t\r"), "chunked") {
				return fasthttp.StatusBadRequest, "the Transfer-Encoding is not chunked"
			}
			encoding = true
		}
	}
	switch {
	case length && encoding:
		return fasthttp.StatusBadRequest, "the body has both a Content-Length and a Transfer-Encoding"
	case fields > maxFields:
		return fasthttp.StatusRequestHeaderFieldsTooLarge, "there are too many headers or cookies"
	case !plainPort(h.Host()):
		return fasthttp.StatusBadRequest, "the port in Host is none"
	default:
		return 0, ""
	}
}

// onlyOnce are headers of which fasthttp keeps one where a client sends several: policy
// would see another than the upstream.
var onlyOnce = [2]string{fasthttp.HeaderContentType, fasthttp.HeaderUserAgent}

// plainPort reports whether the port in host, if there is one, is one of TCP's; fasthttp
// has looked at the rest.
func plainPort(host []byte) bool {
	i := bytes.LastIndexByte(host, ':')
	if i < 0 || i < bytes.LastIndexByte(host, ']') {
		return true
	}
	port, err := fasthttp.ParseUint(host[i+1:])
	return err == nil && port <= math.MaxUint16
}

// named compares a name in any case, without its memory.
func named(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// expect answers Expect: 100-continue (RFC 9110 section 10.1.1): a body that would be
// refused is not asked for.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	status, message := misframed(&ctx.Request.Header)
	if status == 0 && ctx.Request.Header.ContentLength() > int(s.config.Limits.Body) {
		status, message = fasthttp.StatusRequestEntityTooLarge, bodyTooLarge
	}
	if status == 0 {
		return fasthttp.StatusContinue
	}
	s.turnAway(ctx, status, message)
	return status
}

// hangUp closes the connection behind the answer: what follows on it cannot be told
// apart from the body that was refused.
func hangUp(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if c, ok := ctx.Conn().(*conn); ok {
		c.lingers.Store(true)
	}
}
