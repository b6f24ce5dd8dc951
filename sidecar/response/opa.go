package response

import (
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// longPlain is the length, in bytes, from which OPA packs an answer into gzip.
const longPlain = 1024

// OPA answers a client of OPA's REST API, packed where the client takes that and it is worth
// it, as OPA does.
func OPA(ctx *fasthttp.RequestCtx, status int, id decision.ID, body []byte) {
	head(ctx, status, id)
	ctx.Response.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	if len(body) >= longPlain && takesGzip(ctx.Request.Header.PeekAll(fasthttp.HeaderAcceptEncoding)) {
		ctx.Response.Header.SetContentEncoding("gzip")
		ctx.SetBody(fasthttp.AppendGzipBytesLevel(nil, body, fasthttp.CompressBestSpeed))
		return
	}
	ctx.SetBody(body)
}

// Moved sends a client to another target of the same endpoint.
func Moved(ctx *fasthttp.RequestCtx, status int, to string) {
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, noStore)
	ctx.Response.Header.Set(fasthttp.HeaderLocation, to)
	ctx.SetStatusCode(status)
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3). A weight of 0 refuses.
func takesGzip(values [][]byte) bool {
	for _, value := range values {
		for offer := range strings.SplitSeq(string(value), ",") {
			name, weight, weighed := strings.Cut(offer, ";")
			if !strings.EqualFold(strings.Trim(name, " \t"), "gzip") {
				continue
			}
			_, q, _ := strings.Cut(weight, "=")
			return !weighed || strings.Trim(q, " \t0.") != ""
		}
	}
	return false
}
