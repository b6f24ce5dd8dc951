package server

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/certificate"
	"postern/sidecar/client"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/outbound"
	"postern/sidecar/policy"
)

// What WWW-Authenticate says to a client that is not let in. HTTP has no scheme for a
// certificate or a user: who is let in by one of them is told of bearer tokens too.
const (
	noCredential  = "Bearer"
	badCredential = `Bearer error="invalid_token"`
)

// admit reports whether a request is from a client that may ask about others. If not, it
// counts that at the door and says in WWW-Authenticate what is wanted; the answer, a 401, is
// the door's. A session token is never such a credential, and neither is a cookie.
func (s *Server) admit(ctx *fasthttp.RequestCtx, door decision.Door) bool {
	name, challenge, ok := s.asks(ctx)
	switch {
	case !ok:
		s.metrics.counted(door, decision.Because(decision.TokenMissing, ""))
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, challenge)
	case name != "":
		ctx.SetUserValue(clientKey{}, name)
	}
	return ok
}

// clientKey is where admit leaves a client's name.
type clientKey struct{}

// beginClient begins to answer a client that admit let in. Its own session is nobody's
// business.
func (s *Server) beginClient(ctx *fasthttp.RequestCtx, door decision.Door) asking {
	name, _ := ctx.UserValue(clientKey{}).(string)
	return asking{
		id:       decision.NewID(),
		door:     door,
		began:    time.Now(),
		snapshot: s.deciding(),
		input:    policy.Input{Now: s.now()},
		client:   name,
		place:    s.place(&ctx.Request.Header),
	}
}

// asks finds out which client a request is from.
func (s *Server) asks(ctx *fasthttp.RequestCtx) (name, challenge string, ok bool) {
	switch c := s.config.Clients; {
	case s.clientTokens != nil:
		brought := ctx.Request.Header.PeekAll(fasthttp.HeaderAuthorization)
		if name, ok = s.clientTokens.Find(brought...); !ok && len(brought) > 0 {
			return "", badCredential, false
		}
	case c.MTLS:
		if secure, is := below(ctx).(*certificate.Conn); is {
			name, ok = secure.Client()
		}
	case len(c.UnixUIDs) > 0:
		name, ok = s.user(below(ctx))
	case c.Anonymous == config.AnonymousLoopback:
		ok = s.local(ctx)
	}
	if !ok {
		return "", noCredential, false
	}
	return name, "", true
}

// below is the connection of a request, under what the server notes of it; nil where it is
// none that the server accepted.
func below(ctx *fasthttp.RequestCtx) net.Conn {
	if c, ok := ctx.Conn().(*conn); ok {
		return c.Conn
	}
	return nil
}

// user is the user at the other end of a Unix socket, if it is one that may ask.
func (s *Server) user(c net.Conn) (name string, ok bool) {
	if secure, is := c.(*certificate.Conn); is {
		c = secure.Raw()
	}
	socket, is := c.(*net.UnixConn)
	if !is {
		return "", false
	}
	uid, err := client.User(socket)
	if err != nil {
		s.log.Warn("the user at the end of a socket is not known", "error", err)
		return "", false
	}
	return fmt.Sprintf("uid:%d", uid), slices.Contains(s.config.Clients.UnixUIDs, int(uid))
}

// local reports whether a request comes from this machine and was meant for it: a browser
// that runs here sends what a page of another host has it send, with that host's name or
// with that page's origin. What a proxy on this machine forwards is local, whoever sent it:
// headers that name its sender are anybody's word.
func (s *Server) local(ctx *fasthttp.RequestCtx) bool {
	remote, ok := ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ctx.RemoteAddr().Network() == "unix"
	}
	if !remote.IP.IsLoopback() || !s.ownHost(string(ctx.Request.Header.Host())) {
		return false
	}
	for _, origin := range ctx.Request.Header.PeekAll(fasthttp.HeaderOrigin) {
		page, err := url.Parse(string(origin))
		if err != nil || !s.ownHost(page.Host) {
			return false
		}
	}
	return true
}

// ownHost reports whether host:port, or a host alone, is this machine for itself, or the one
// that callers know this server by.
func (s *Server) ownHost(host string) bool {
	if s.publicHost != "" && strings.EqualFold(host, s.publicHost) {
		return true
	}
	return outbound.Loopback((&url.URL{Host: host}).Hostname())
}

// publicHost is the host, with its port, of the URL that callers know this server by; empty
// where there is none.
func publicHost(c *config.Config) string {
	public, err := url.Parse(c.PublicURL)
	if err != nil {
		return ""
	}
	return public.Host
}

// loadTokens reads the clients' tokens once more.
func (s *Server) loadTokens() error {
	if s.clientTokens == nil {
		return nil
	}
	before := s.clientTokens.Status()
	err := s.clientTokens.Load(time.Now())
	after := s.clientTokens.Status()
	switch {
	case err != nil && after.LastError != before.LastError:
		s.metrics.tokens.WithLabelValues(result(err)).Inc()
		s.log.Error("clients' tokens not loaded", "kept", after.Tokens > 0, "error", err)
	case err == nil && (after.Digest != before.Digest || before.LastError != ""):
		s.metrics.tokens.WithLabelValues(result(nil)).Inc()
		s.log.Info("clients' tokens loaded", "file", after.Source, "tokens", after.Tokens)
	}
	if !slices.Equal(before.Notes, after.Notes) {
		for _, note := range after.Notes {
			s.log.Warn("clients' tokens", "note", note)
		}
	}
	if err != nil {
		return fmt.Errorf("clients.tokens_file: %w", err)
	}
	return nil
}
