package server

import (
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/response"
)

const (
	// wellKnown is where AuthZEN's metadata is.
	wellKnown = "/.well-known/authzen-configuration"
	// metadataAge is how long callers may keep the metadata. A bundle that is loaded can offer
	// other searches.
	metadataAge = "max-age=300"
)

// An access is what a configuration says about AuthZEN.
type access struct {
	told response.AuthZEN
	// url is the public URL as it was configured, "" for none, and base its path without a
	// slash at the end.
	url, base string
	// metadata are the paths of the metadata. The path of the public URL stands behind the
	// well-known one, since it may be one of several on its host.
	metadata []string
}

func newAccess(c *config.Config) access {
	a := access{told: response.AuthZEN{Reasons: c.AuthZEN.Reasons}, url: c.PublicURL, metadata: []string{wellKnown}}
	if u, err := url.Parse(c.PublicURL); err == nil { // as it was checked
		a.base = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	if a.base != "" {
		a.metadata = append(a.metadata, wellKnown+a.base, wellKnown+a.base+"/")
	}
	return a
}

// answerMetadata answers GET /.well-known/authzen-configuration, to everyone: a client reads
// there how to become one.
func (s *Server) answerMetadata(ctx *fasthttp.RequestCtx) {
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		s.unasked(ctx, noDoor, fasthttp.StatusMethodNotAllowed, "the method is GET")
		return
	}
	if s.access.url == "" {
		s.unasked(ctx, noDoor, fasthttp.StatusNotFound, "there is no metadata without public_url in the configuration")
		return
	}
	current := s.current.Load()
	if current == nil {
		refuseAccess(ctx, decision.ID{}, decision.Because(decision.NotReady, ""))
		return
	}
	text, _ := jsontext.AppendQuote([]byte(`{"policy_decision_point":`), s.access.url)
	for _, p := range accessPoints {
		if p.searches != "" && !current.policy.Searches(p.searches) {
			continue
		}
		text = append(append(append(text, `,"`...), p.listed...), `":`...)
		text, _ = jsontext.AppendQuote(text, strings.TrimSuffix(s.access.url, "/")+p.path)
	}
	response.Access(ctx, decision.ID{}, append(text, '}'))
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, metadataAge)
}
