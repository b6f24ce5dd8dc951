package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/download"
	"github.com/open-policy-agent/opa/v1/plugins/rest"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"postern/sidecar/phrase"
)

// maxManifestBytes bounds a manifest, and what is beside the bundle in an image.
const maxManifestBytes = 1 << 20

// errUnchanged ends an attempt early: the tag names the manifest that is held.
var errUnchanged = errors.New("the manifest is the one that is held")

// A pull is one attempt at a registry. OPA's downloader copies an image to a directory by
// oras-go, by requests that pull answers.
type pull struct {
	*exchange
	auth  *auth.Client
	layer func(hex string) // tells OPA that it has the layer already

	mu       sync.Mutex // guards what follows: blobs are copied several at a time
	manifest digest.Digest
	bundle   digest.Digest
	sizes    map[digest.Digest]int64
	content  []byte
	refused  error // why content was not admitted
}

// registryClient asks a registry with the credentials that it wants: its own, or those of
// the token server that it names.
func (o Options) registryClient(a *address, c *connection) *auth.Client {
	return &auth.Client{
		Client:     c.client,
		Header:     http.Header{"User-Agent": {c.userAgent}},
		Credential: o.credential(a),
		Cache:      auth.NewCache(),
		ClientID:   "postern",
	}
}

// askRegistry asks what the reference names, by OPA's downloader. The directory that it
// copies to is for this attempt alone, since it would grow with every revision; whether
// there is anything new is known before anything is copied.
func (e *exchange) askRegistry(ctx context.Context) error {
	client, err := e.restClient()
	if err != nil {
		return err
	}
	config, err := manual(0)
	if err != nil {
		return err
	}
	dir, err := e.options.scratch()
	if err != nil {
		return fmt.Errorf("a directory to copy to: %w", err)
	}
	defer os.RemoveAll(dir)
	done := make(chan struct{})
	d, err := newOCI(config, client, e.address.reference.String(), dir)
	if err != nil {
		return err
	}
	d.WithCallback(finished(done))
	p := &pull{exchange: e, auth: e.options.registryClient(e.address, e.connection), layer: d.SetCache}
	e.trip = roundTripper(p.roundTrip)
	switch err := trigger(ctx, d, done); {
	case err != nil:
		return err
	case p.content == nil:
		return errors.New("the registry has not sent the bundle")
	}
	e.answer = &answer{content: p.content, etag: p.manifest.String(), refused: p.refused}
	return nil
}

// scratch makes an empty directory: among the temporary files, or, as containers may have
// no place for those, where archives are kept.
func (o Options) scratch() (string, error) {
	dir, err := os.MkdirTemp("", "postern-bundle-*")
	if err == nil || o.Directory == "" {
		return dir, err
	}
	dir = o.own(".copy")
	// One that a crash left is in the way.
	return dir, errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700))
}

// newOCI makes OPA's downloader, which panics where it cannot use the directory.
func newOCI(config download.Config, client rest.Client, reference, dir string) (d *download.OCIDownloader, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("use %s to copy to: %v", dir, p)
		}
	}()
	return download.NewOCI(config, client, reference, dir), nil
}

// roundTrip answers a request of OPA's: which manifest the reference names, that manifest,
// and the blobs that it names.
func (p *pull) roundTrip(asked *http.Request) (*http.Response, error) {
	kind, name, ok := strings.Cut(strings.TrimPrefix(asked.URL.Path, "/v2/"+p.address.reference.Repository+"/"), "/")
	if !ok || asked.URL.Host != p.address.url.Host {
		return nil, fmt.Errorf("%s is not of the repository", phrase.Quote(asked.URL.Path))
	}
	limit, err := p.wanted(asked.Method, kind, digest.Digest(name))
	if err != nil {
		return nil, err
	}
	res, err := p.send(asked)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if asked.Method == http.MethodHead {
		return p.resolve(asked, res)
	}
	body, err := readBody(res, limit)
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(body); got.String() != name {
		return nil, fmt.Errorf("the registry sends %s in the place of %s", got, name)
	}
	if kind == "manifests" {
		err = p.readManifest(body)
	} else {
		err = p.readBlob(asked.Context(), digest.Digest(name), body)
	}
	if err != nil {
		return nil, err
	}
	return reply(asked, http.StatusOK, http.Header{"Content-Type": res.Header["Content-Type"]}, body), nil
}

// wanted is how large what a request asks for may be. The manifest is the one that was
// resolved: what hangs on it, such as one that it is about, is no part of the bundle.
func (p *pull) wanted(method, kind string, name digest.Digest) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if method == http.MethodHead && kind == "manifests" {
		return 0, nil
	}
	if method == http.MethodGet && kind == "manifests" && p.manifest != "" && name == p.manifest {
		return maxManifestBytes, nil
	}
	if size, ok := p.sizes[name]; ok && method == http.MethodGet && kind == "blobs" {
		return size, nil
	}
	return 0, fmt.Errorf("what the reference names is not a manifest of a bundle: it leads to %s %s", kind, phrase.Quote(name.String()))
}

// send asks the registry.
func (p *pull) send(asked *http.Request) (*http.Response, error) {
	ctx := auth.AppendRepositoryScope(asked.Context(), *p.address.reference, auth.ActionPull)
	req, err := http.NewRequestWithContext(ctx, asked.Method, asked.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	if accept := asked.Header.Get("Accept"); accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := p.auth.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, &refusal{statusError(res.StatusCode), retryAfter(res, p.options.Now())}
	}
	return res, nil
}

// resolve takes the digest of the manifest that the reference names. OPA takes whatever
// the registry says; a digest in the reference is not the registry's to change.
func (p *pull) resolve(asked *http.Request, res *http.Response) (*http.Response, error) {
	named, err := digest.Parse(res.Header.Get("Docker-Content-Digest"))
	switch {
	case err != nil || named.Algorithm() != digest.SHA256:
		return nil, errors.New("the registry does not name the manifest by a sha256 digest")
	case p.address.pinned != "" && named != p.address.pinned:
		return nil, fmt.Errorf("the registry names the manifest %s, and the reference %s", named, p.address.pinned)
	case named.String() == p.held:
		return nil, &refusal{err: errUnchanged}
	case res.ContentLength < 0 || res.ContentLength > maxManifestBytes:
		return nil, fmt.Errorf("the manifest has %d bytes: want as many as %d at most", res.ContentLength, maxManifestBytes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manifest = named
	header := http.Header{"Content-Type": res.Header["Content-Type"], "Docker-Content-Digest": {named.String()}}
	answer := reply(asked, http.StatusOK, header, nil)
	answer.ContentLength = res.ContentLength
	return answer, nil
}

// readManifest finds the bundle's layer by OPA's rule, the first of its media type, and
// bounds what the manifest names in all.
func (p *pull) readManifest(text []byte) error {
	var m struct {
		ocispec.Manifest
		Manifests []ocispec.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return errors.New("the manifest is not readable")
	}
	if len(m.Manifests) > 0 {
		return errors.New("the reference names an index of several manifests: name one of them by its digest")
	}
	at := slices.IndexFunc(m.Layers, func(d ocispec.Descriptor) bool { return d.MediaType == ocispec.MediaTypeImageLayerGzip })
	if at < 0 {
		return fmt.Errorf("the manifest has no layer of the type %s", ocispec.MediaTypeImageLayerGzip)
	}
	sizes := map[digest.Digest]int64{}
	total := int64(0)
	for _, d := range append(m.Layers, m.Config) {
		known, twice := sizes[d.Digest]
		switch {
		case d.Digest.Validate() != nil || d.Digest.Algorithm() != digest.SHA256 || d.Size < 0:
			return errors.New("the manifest names a blob without a sha256 digest or a size")
		case twice && known != d.Size:
			return fmt.Errorf("the manifest gives %s two sizes", d.Digest)
		case d.Size > p.options.Limits.TotalBytes+maxManifestBytes-total:
			return fmt.Errorf("the manifest names blobs of more than the limit of %d bytes", p.options.Limits.TotalBytes)
		}
		sizes[d.Digest] = d.Size
		total += d.Size
	}
	if d := m.Layers[at]; d.Size > p.options.Limits.TotalBytes {
		return fmt.Errorf("the bundle has %d bytes, more than the limit of %d", d.Size, p.options.Limits.TotalBytes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bundle, p.sizes = m.Layers[at].Digest, sizes
	// OPA's reader is less strict than ours, and skips what it was given before.
	p.layer(p.bundle.Encoded())
	return nil
}

// readBlob keeps the bundle, once it is known whether it is admitted.
func (p *pull) readBlob(ctx context.Context, name digest.Digest, body []byte) error {
	p.mu.Lock()
	isBundle := name == p.bundle
	p.mu.Unlock()
	if !isBundle {
		return nil
	}
	refused := p.options.admit(ctx, body)
	if refused != nil && ctx.Err() != nil {
		return refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.content, p.refused = body, refused
	return nil
}
