package response

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// A Proxy answers proxies.
type Proxy struct {
	Identity IdentityHeaders
	// Unavailable is the status for what cannot be decided now: 403, or 503, which some
	// proxies take for an allow if they are told so.
	Unavailable int
}

// A ProxyAnswer is what an answer to a proxy is made of.
type ProxyAnswer struct {
	ID       decision.ID
	Decision decision.Decision
	// Deny is the matched route's own way to refuse.
	Deny Deny
	// Edits are the policy's wishes. The door must be one that carries them out: see
	// [Proxy.Carries].
	Edits decision.Edits
	// Upstream says who the session is, where the decision allows; nil is nobody. It must be
	// one that [Upstream.Fits].
	Upstream *Upstream
	// SignIn is where a request without a session is sent, empty for nowhere: see [SignIn].
	SignIn string
}

// ForwardAuth answers Traefik, Caddy and HAProxy: 200 for an allow, else a status that
// they hand on to their client, and never a text of ours.
func (p Proxy) ForwardAuth(ctx *fasthttp.RequestCtx, a ProxyAnswer) {
	begin(ctx, a)
	if a.Decision.Allow {
		p.allow(&ctx.Response.Header, a)
		return
	}
	p.refuse(a, relayed).write(ctx)
}

// ExtAuthz answers Envoy's HTTP service, which takes 200 for an allow, and a status of 500
// or more for our failure.
func (p Proxy) ExtAuthz(ctx *fasthttp.RequestCtx, a ProxyAnswer) {
	begin(ctx, a)
	if !a.Decision.Allow {
		p.refuse(a, judged).write(ctx)
		return
	}
	h := &ctx.Response.Header
	if a.plain() {
		addAll(h, a.Upstream.set)
		if a.Upstream.removals != "" {
			h.Set(headersToRemove, a.Upstream.removals)
		}
		return
	}
	set, remove := p.upstream(a)
	addAll(h, joined(set))
	addAll(h, a.Edits.ResponseHeaders)
	if len(remove) > 0 {
		h.Set(headersToRemove, strings.Join(remove, ","))
	}
}

// headersToRemove names headers that Envoy takes from the request. It never goes further.
const headersToRemove = "X-Envoy-Auth-Headers-To-Remove"

// AuthRequest answers nginx, which knows 200, 401 and 403 and turns everything else into
// 500. Where to sign in or go instead is in Location, for its error_page.
func (p Proxy) AuthRequest(ctx *fasthttp.RequestCtx, a ProxyAnswer) {
	begin(ctx, a)
	if a.Decision.Allow {
		p.allow(&ctx.Response.Header, a)
		return
	}
	a.Edits.Body = "" // nginx reads none
	r := p.refuse(a, relayed)
	switch {
	case a.Decision.Status == fasthttp.StatusUnauthorized && r.status != fasthttp.StatusUnauthorized:
		// The redirect to the sign-in page is the answer to a 401 of nginx's own.
		r.status = fasthttp.StatusUnauthorized
		r.set(fasthttp.HeaderWWWAuthenticate, challenge(a.Decision))
	case r.status != fasthttp.StatusUnauthorized:
		r.status = fasthttp.StatusForbidden
	}
	r.write(ctx)
}

// Bare refuses what a proxy sent and no door has seen, with a status that the proxy takes
// for a denial and nothing else: proxies relay texts to strangers.
func Bare(ctx *fasthttp.RequestCtx, id decision.ID, status int) {
	begin(ctx, ProxyAnswer{ID: id})
	ctx.SetStatusCode(status)
}

func begin(ctx *fasthttp.RequestCtx, a ProxyAnswer) {
	h := &ctx.Response.Header
	h.SetNoDefaultContentType(true)
	// Proxies can be told to keep answers, and one is for one request.
	h.Set(fasthttp.HeaderCacheControl, noStore)
	identify(h, a.ID)
	ctx.SetStatusCode(fasthttp.StatusOK)
}

const noStore = "no-store"

// allow sends every identity header, empty where the session has none, so that no copy of
// the client's survives.
func (p Proxy) allow(h *fasthttp.ResponseHeader, a ProxyAnswer) {
	for _, pair := range p.told(a).every {
		h.Set(pair.Name, pair.Value)
	}
	addAll(h, joined(a.Edits.Headers))
	addAll(h, a.Edits.ResponseHeaders)
}

// joined has each header once, its values joined with commas (RFC 9110 section 5.3): of an
// answer's several headers of a name, proxies hand one on to the upstream.
func joined(pairs []decision.Pair) []decision.Pair {
	var all []decision.Pair
	for _, pair := range pairs {
		i := slices.IndexFunc(all, func(p decision.Pair) bool { return strings.EqualFold(p.Name, pair.Name) })
		if i < 0 {
			all = append(all, pair)
		} else {
			all[i].Value += "," + pair.Value
		}
	}
	return all
}

// plain reports whether an allow says who the session is and nothing else.
func (a *ProxyAnswer) plain() bool {
	e := &a.Edits
	return a.Upstream != nil && len(e.Headers)+len(e.ResponseHeaders)+len(e.RemoveHeaders)+len(e.SetQuery)+len(e.RemoveQuery)+len(e.Metadata) == 0
}

// told is what the upstream is told of the session.
func (p Proxy) told(a ProxyAnswer) *Upstream {
	if a.Upstream != nil {
		return a.Upstream
	}
	return p.Upstream(decision.Identity{})
}

// upstream is what becomes of the request's headers where the decision allows and the proxy
// can remove some. A header without a value is removed: whether an empty one arrives is
// the proxy's choice.
func (p Proxy) upstream(a ProxyAnswer) (set []decision.Pair, remove []string) {
	remove = slices.Clone(a.Edits.RemoveHeaders)
	all := slices.Concat(p.told(a).every, a.Edits.Headers)
	for _, pair := range all {
		if pair.Value != "" {
			set = append(set, pair)
		}
	}
	for _, pair := range all {
		if pair.Value == "" && !has(set, pair.Name) {
			remove = append(remove, pair.Name)
		}
	}
	return set, remove
}

func has(pairs []decision.Pair, name string) bool {
	return slices.ContainsFunc(pairs, func(p decision.Pair) bool { return strings.EqualFold(p.Name, name) })
}

func addAll(h *fasthttp.ResponseHeader, pairs []decision.Pair) {
	for _, pair := range pairs {
		h.Add(pair.Name, pair.Value)
	}
}
