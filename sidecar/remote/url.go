package remote

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/download"

	"postern/sidecar/outbound"
)

// longPollType is the content type by which a server says that it holds requests.
const longPollType = "application/vnd.openpolicyagent.bundles"

// askURL asks for the archive at a URL, by OPA's downloader.
func (e *exchange) askURL(ctx context.Context, patient time.Duration) error {
	client, err := e.restClient()
	if err != nil {
		return err
	}
	config, err := manual(patient)
	if err != nil {
		return err
	}
	e.trip = roundTripper(e.get)
	done := make(chan struct{})
	d := download.New(config, client, "").WithLazyLoadingMode(true).WithCallback(finished(done))
	d.SetCache(e.held)
	return trigger(ctx, d, done)
}

// A roundTripper is a function that answers requests.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// get asks for the archive. What OPA gets to see of one is that there is one: it reads it
// less strictly, and we have read it.
func (e *exchange) get(asked *http.Request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(asked.Context(), http.MethodGet, e.address.url.String(), nil)
	if err != nil {
		return nil, err
	}
	if e.held != "" {
		req.Header.Set("If-None-Match", e.held)
	}
	// Bundles that are only the difference to one before are not for us.
	req.Header.Set("Prefer", strings.Replace(asked.Header.Get("Prefer"), "modes=snapshot,delta", "modes=snapshot", 1))
	if err := e.authorize(req); err != nil {
		return nil, err
	}
	res, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return e.take(req.Context(), asked, res)
	case http.StatusNotModified:
		if e.held == "" {
			return nil, errors.New("the server says that an archive which was never fetched is unchanged (304)")
		}
		e.answer = &answer{etag: e.held, patient: strings.Contains(asked.Header.Get("Prefer"), "wait=")}
		return reply(asked, http.StatusNotModified, http.Header{}, nil), nil
	}
	return nil, &refusal{statusError(res.StatusCode), retryAfter(res, e.options.Now())}
}

// take reads and checks an archive.
func (e *exchange) take(ctx context.Context, asked *http.Request, res *http.Response) (*http.Response, error) {
	content, err := readBody(res, e.options.Limits.TotalBytes)
	if err != nil {
		return nil, err
	}
	refused := e.options.admit(ctx, content)
	if refused != nil && (ctx.Err() != nil || !framed(res)) {
		return nil, refused
	}
	kind := res.Header.Get("Content-Type")
	e.answer = &answer{content: content, etag: usable(res.Header.Get("ETag")), patient: kind == longPollType, refused: refused}
	empty, err := emptyArchive()
	if err != nil {
		return nil, err
	}
	return reply(asked, http.StatusOK, http.Header{"Etag": {e.answer.etag}, "Content-Type": {kind}}, empty), nil
}

// framed reports whether an answer says where it ends. One that does not may be cut off
// unseen, so that its ETag is another archive's.
func framed(res *http.Response) bool {
	return res.ContentLength >= 0 || len(res.TransferEncoding) > 0 || res.ProtoMajor >= 2
}

// maxETag bounds what is sent back with every request.
const maxETag = 512

// usable is an ETag that can be sent back, or none.
func usable(etag string) string {
	if len(etag) > maxETag || strings.ContainsFunc(etag, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return etag
}

// authorize adds the bearer token, which goes to the URL's own origin: a redirect to
// another one drops it.
func (e *exchange) authorize(req *http.Request) error {
	if e.options.TokenFile == "" {
		return nil
	}
	bearer, err := outbound.Bearer(e.options.TokenFile)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", bearer)
	return nil
}

// reply is an answer to OPA.
func reply(req *http.Request, code int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// emptyArchive is a bundle with nothing in it.
var emptyArchive = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	err := errors.Join(tw.Close(), gz.Close())
	return b.Bytes(), err
})
