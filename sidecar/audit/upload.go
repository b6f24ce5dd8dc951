package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"postern/sidecar/decision"
	"postern/sidecar/outbound"
)

// Upload is how a server is sent records.
type Upload struct {
	TokenFile     string // of the bearer token, read at each request; empty, none is sent
	CA, Cert, Key string // PEM files; empty, the system's authorities hold, and nothing is shown
	Chunk         int    // the largest body, compressed
	MinDelay      time.Duration
	MaxDelay      time.Duration
	Timeout       time.Duration
	// Labels go with each record, besides those that say which process this is.
	Labels map[string]string
}

// aloneFactor is how many chunks large a record may be that is sent alone.
const aloneFactor = 4

// An uploader is a sink: a server that takes OPA's decision logs.
type uploader struct {
	url    string
	upload Upload
	client *http.Client
	agent  string
	event  event
	warn   func(error)
	counts *counts

	// most is the largest body that the server takes, as far as is known, and ratio how many
	// bytes of records one compressed byte came from last.
	most   int
	ratio  float64
	next   time.Time // when the next upload is due
	warned bool
}

func newUploader(o Options, c *counts) (*uploader, error) {
	to, err := uploadURL(o.To)
	if err != nil {
		return nil, err
	}
	labels, err := json.Marshal(labelsOf(o), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	u := &uploader{
		url: to, upload: o.Upload, agent: "postern/" + o.Version, event: event{labels, o.Bundle}, warn: o.Warn, counts: c,
		most: o.Upload.Chunk, ratio: 4,
	}
	files := outbound.Files{CA: o.Upload.CA, Cert: o.Upload.Cert, Key: o.Upload.Key}
	through, err := files.Transport(o.Upload.TokenFile)
	if err != nil {
		return nil, err
	}
	u.client = through.Client(o.Upload.Timeout)
	return u, nil
}

// labelsOf are the labels of all that this process sends: what is said of it, the name of
// its host, which in Kubernetes is its pod's, and what nobody can say otherwise.
func labelsOf(o Options) map[string]string {
	all := map[string]string{}
	if host, err := os.Hostname(); err == nil { // without a name there is no label
		all["host"] = host
	}
	maps.Copy(all, o.Upload.Labels)
	id := decision.NewID()
	all["id"], all["version"], all["app"] = id.String(), o.Version, "postern"
	return all
}

// A refusal is an answer that is none of success.
type refusal struct {
	status int
	after  time.Duration // of Retry-After, at most the longest delay
}

func (r refusal) Error() string {
	return fmt.Sprintf("the server answered %d %s", r.status, http.StatusText(r.status))
}

// final reports whether to send the same again would be in vain. Who may send changes with a
// token that is renewed, or a server's rules, and is not said of the records.
func (r refusal) final() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return r.status >= 400 && r.status < 500
}

// deliver sends one chunk.
func (u *uploader) deliver(ctx context.Context, b *batch) delivery {
	defer func() { u.next = time.Now().Add(u.upload.MinDelay) }()
	body, n, err := u.pack(b, u.fits(b))
	for err == nil {
		err = u.send(ctx, body)
		u.counted(err)
		var r refusal
		switch {
		case err == nil:
			u.most, u.warned = min(u.upload.Chunk, 2*u.most), false
			return delivery{taken: n}
		case !errors.As(err, &r) || !r.final():
			return delivery{err: err}
		case r.status == http.StatusRequestEntityTooLarge && n > 1:
			u.most = max(len(body)/2, 1)
			body, n, err = u.pack(b, n/2)
		case r.status == http.StatusRequestEntityTooLarge && b.reduce():
			body, n, err = u.pack(b, n)
		case r.status != http.StatusRequestEntityTooLarge || len(body) <= u.upload.Chunk:
			// A server that takes no chunk at all is at fault, whatever it calls that.
			return delivery{taken: n, lost: n, err: err}
		}
	}
	if !u.warned {
		u.warn(fmt.Errorf("a record of the decision log is lost: %w", err))
	}
	u.warned = true
	return delivery{taken: n, lost: n}
}

// counted counts an upload.
func (u *uploader) counted(err error) {
	if err != nil {
		u.counts.uploadsFailed.Add(1)
		return
	}
	u.counts.uploaded.Add(1)
}

// fits guesses how many records make a chunk.
func (u *uploader) fits(b *batch) int {
	room := int(float64(u.most) * u.ratio * 0.9)
	n := 1
	for n < len(b.ends) && b.ends[n] <= room {
		n++
	}
	return n
}

// pack makes the body of the first n records, or of fewer, so that it is no larger than a
// chunk. One that is alone may be larger, but not by much: then little of it is left.
func (u *uploader) pack(b *batch, n int) (body []byte, packed int, err error) {
	for {
		text, good, err := u.events(b, n)
		if err != nil && good == 0 {
			return nil, 1, fmt.Errorf("it is no event: %w", err)
		}
		n = good
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(text); err != nil {
			return nil, n, err
		}
		if err := w.Close(); err != nil {
			return nil, n, err
		}
		u.ratio = max(1, float64(len(b.first(n)))/float64(out.Len()))
		if n == 1 && out.Len() > aloneFactor*u.upload.Chunk {
			if b.reduce() {
				continue
			}
			return nil, 1, fmt.Errorf("it takes %d bytes, more than %d of decision_log.upload.chunk", out.Len(), aloneFactor)
		}
		if n == 1 || out.Len() <= u.most {
			return out.Bytes(), n, nil
		}
		n /= 2
	}
}

// events are the first n records as a list of events, or as many as come before one that is
// none, with why.
func (u *uploader) events(b *batch, n int) (text []byte, good int, err error) {
	text = []byte{'['}
	for ; good < n; good++ {
		end := len(text)
		if good > 0 {
			text = append(text, ',')
		}
		if text, err = u.event.append(text, b.record(good)); err != nil {
			return append(text[:end], ']'), good, err
		}
	}
	return append(text, ']'), good, nil
}

// largestAnswer is how much of an answer is read, for the sake of the connection.
const largestAnswer = 64 << 10

func (u *uploader) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", u.agent)
	res, err := u.client.Do(req)
	if err != nil {
		// The error quotes the URL, and that may have a secret in its query.
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("send to %s: %w", shownURL(u.url), err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, largestAnswer) // so that the connection can be used again
	if res.StatusCode/100 == 2 {
		return nil
	}
	return refusal{res.StatusCode, outbound.RetryAfter(res.Header, time.Now(), u.upload.MaxDelay)}
}

func (u *uploader) gather() time.Duration { return max(gatherForFile, time.Until(u.next)) }

// pause is the wait after the nth failure in a row. What the server asks for holds within the
// longest delay.
func (u *uploader) pause(n int, err error) time.Duration {
	d := outbound.Backoff(n, u.upload.MinDelay, u.upload.MaxDelay)
	var r refusal
	if errors.As(err, &r) {
		d = max(d, r.after)
	}
	return d
}

func (u *uploader) persists() bool { return true }

func (u *uploader) cause() string { return LostUpload }

func (u *uploader) reopen() error { return nil }

func (u *uploader) close() { u.client.CloseIdleConnections() }
