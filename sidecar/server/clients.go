package server

import (
	"net"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/config"
)

// admit reports whether a request is from a client that may ask about others, and if not,
// answers with what WWW-Authenticate is to say. A session token is never such a credential.
func (s *Server) admit(ctx *fasthttp.RequestCtx) (challenge string, ok bool) {
	if s.config.Clients.Anonymous == config.AnonymousLoopback && s.local(ctx) {
		return "", true
	}
	return "Bearer", false
}

// local reports whether a request comes from this machine and was meant for it: a browser
// that runs here sends what a page of another host has it send, with that host's name.
func (s *Server) local(ctx *fasthttp.RequestCtx) bool {
	remote, ok := ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ctx.RemoteAddr().Network() == "unix"
	}
	host := string(ctx.Request.Header.Host())
	if public, err := url.Parse(s.config.PublicURL); err == nil && public.Host != "" && strings.EqualFold(host, public.Host) {
		return remote.IP.IsLoopback()
	}
	return remote.IP.IsLoopback() && config.LoopbackHost((&url.URL{Host: host}).Hostname())
}
