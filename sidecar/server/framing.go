package server

import (
	"bytes"
	"math"

	"github.com/valyala/fasthttp"

	"postern/sidecar/request"
)

// maxFields bounds the header fields of a request. A cookie counts as a field, since a
// client may send each in its own (RFC 9113 section 8.2.3).
const maxFields = 256

// misframed looks through the headers for what fasthttp reads and others read otherwise:
// two lengths of one body (RFC 9112 section 6.1), an encoding that is not chunked, a
// name with a space, a folded line (section 5.2), a line that ends in a bare LF. It
// returns the status to refuse the request with, and 0 where all is well.
func misframed(h *fasthttp.RequestHeader) (status int, message string) {
	var seen headersSeen
	for rest := h.RawHeaders(); len(rest) > 0; {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return fasthttp.StatusBadRequest, "a header line does not end in CR LF"
		}
		if len(line) == 1 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return fasthttp.StatusBadRequest, "a header is folded into several lines"
		}
		name, value := line, []byte(nil)
		if colon := bytes.IndexByte(line, ':'); colon >= 0 {
			name, value = line[:colon], line[colon+1:]
		}
		if bytes.IndexByte(name, ' ') >= 0 {
			return fasthttp.StatusBadRequest, "the name of a header has a space in it"
		}
		if message := seen.add(name, value); message != "" {
			return fasthttp.StatusBadRequest, message
		}
	}
	switch {
	case seen.length && seen.encoding:
		return fasthttp.StatusBadRequest, "the body has both a Content-Length and a Transfer-Encoding"
	case seen.fields > maxFields:
		return fasthttp.StatusRequestHeaderFieldsTooLarge, "there are too many headers or cookies"
	case !plainPort(h.Host()):
		return fasthttp.StatusBadRequest, "the port in Host is none"
	default:
		return 0, ""
	}
}

// headersSeen is what was seen of the headers of a request, each of which is one field, or
// several where it is a cookie.
type headersSeen struct {
	fields                               int
	length, encoding, contentType, agent bool
}

// add counts a header. It returns why the request is refused, or nothing. Most names are
// told apart by their length.
func (s *headersSeen) add(name, value []byte) (message string) {
	s.fields++
	switch len(name) {
	case len(fasthttp.HeaderCookie):
		if request.SameName(name, fasthttp.HeaderCookie) {
			s.fields += bytes.Count(value, []byte{';'})
		}
	case len(fasthttp.HeaderUserAgent):
		return once(&s.agent, name, fasthttp.HeaderUserAgent)
	case len(fasthttp.HeaderContentType):
		return once(&s.contentType, name, fasthttp.HeaderContentType)
	case len(fasthttp.HeaderContentLength):
		s.length = s.length || request.SameName(name, fasthttp.HeaderContentLength)
	case len(fasthttp.HeaderTransferEncoding):
		if !request.SameName(name, fasthttp.HeaderTransferEncoding) {
			break
		}
		if !request.SameName(bytes.Trim(value, " \t\r"), "chunked") {
			return "the Transfer-Encoding is not chunked"
		}
		s.encoding = true
	}
	return ""
}

// once refuses the second of a header of which fasthttp keeps one where a client sends
// several: policy would see another than the upstream.
func once(seen *bool, name []byte, single string) (message string) {
	if !request.SameName(name, single) {
		return ""
	}
	if *seen {
		return "the header " + single + " is there twice"
	}
	*seen = true
	return ""
}

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
