package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/download"
	"github.com/open-policy-agent/opa/v1/logging"
	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/plugins/rest"

	"postern/sidecar/bundle"
)

// An answer is what one attempt came to, where it did not fail.
type answer struct {
	// content is nil where the server has no other archive than the held one.
	content []byte
	// etag is of the archive; of a registry it is the manifest's digest.
	etag string
	// patient says that the server holds requests until there is news.
	patient bool
	// refused is why the content was not admitted, nil where it was.
	refused error
}

// A refusal is what one attempt failed of.
type refusal struct {
	err error
	// later is how long the server wants not to be asked.
	later time.Duration
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// An exchange is one attempt. OPA's downloader asks through it, as through the credentials
// of a service ([rest.HTTPAuthPlugin]), and so gets nothing that was not checked.
type exchange struct {
	options Options
	address *address
	*connection
	// held is what the server called the archive that is held; empty, none is.
	held string

	// trip answers OPA's requests.
	trip   http.RoundTripper
	answer *answer

	mu      sync.Mutex // guards refusal: a registry is asked for several things at a time
	refusal *refusal
}

// NewClient is called by OPA.
func (e *exchange) NewClient(rest.Config) (*http.Client, error) {
	return &http.Client{Transport: e}, nil
}

// Prepare is called by OPA before each request: what there is to add is added to our own.
func (e *exchange) Prepare(*http.Request) error { return nil }

// RoundTrip answers one request of OPA's and keeps the first refusal: what OPA makes of it
// may quote the URL.
func (e *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := e.answerTo(req)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && e.refusal == nil {
		if r, ok := errors.AsType[*refusal](err); ok {
			e.refusal = r
		} else {
			e.refusal = &refusal{err: cause(err)}
		}
	}
	return res, err
}

// answerTo is called in goroutines of OPA's and oras-go's, where nobody else would recover.
func (e *exchange) answerTo(req *http.Request) (res *http.Response, err error) {
	defer recovered(&err)
	return e.trip.RoundTrip(req)
}

// restClient is OPA's view of the exchange.
func (e *exchange) restClient() (rest.Client, error) {
	config, err := json.Marshal(map[string]any{
		"url":                             e.address.url.Scheme + "://" + e.address.url.Host,
		"response_header_timeout_seconds": 0,
		"credentials":                     map[string]any{"plugin": "postern"},
	})
	if err != nil {
		return rest.Client{}, err
	}
	return rest.New(config, nil, rest.Logger(logging.NewNoOpLogger()),
		rest.AuthPluginLookup(func(string) rest.HTTPAuthPlugin { return e }))
}

// downloader is what OPA has two of.
type downloader interface {
	Trigger(ctx context.Context) error
}

// manual is OPA's configuration for one that asks when it is told to. A patient of 0 does
// not ask the server to hold the request.
func manual(patient time.Duration) (download.Config, error) {
	mode := plugins.TriggerManual
	c := download.Config{Trigger: &mode}
	if patient > 0 {
		seconds := int64((patient + time.Second - 1) / time.Second)
		c.Polling.LongPollingTimeoutSeconds = &seconds
	}
	return c, c.ValidateAndInjectDefaults()
}

// ask makes one attempt.
func (s *Source) ask(ctx context.Context, held string, patient time.Duration) (_ *answer, err error) {
	defer recovered(&err)
	c, err := s.options.connect(s.address)
	if err != nil {
		return nil, &refusal{err: err}
	}
	defer c.close()
	e := &exchange{options: s.options, address: s.address, connection: c, held: held}
	limit := s.options.Timeout + patient
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if s.address.reference != nil {
		err = e.askRegistry(ctx)
	} else {
		err = e.askURL(ctx, patient)
	}
	switch first := e.refused(); {
	case first != nil && errors.Is(first, errUnchanged):
		return &answer{etag: held}, nil
	case first != nil:
		return nil, &refusal{inTime(ctx, limit, first.err), first.later}
	case err != nil:
		return nil, &refusal{err: inTime(ctx, limit, cause(err))}
	case e.answer == nil:
		return nil, &refusal{err: errors.New("the server was not asked")}
	}
	return e.answer, nil
}

// refused is the first refusal.
func (e *exchange) refused() *refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refusal
}

// trigger runs OPA's downloader once, to its end: its Trigger returns when ctx ends while
// its goroutine goes on, and two must not overlap. done is closed by the downloader's
// callback, which is the last that it does.
func trigger(ctx context.Context, d downloader, done <-chan struct{}) error {
	err := d.Trigger(ctx)
	<-done
	return err
}

// finished is a callback that says that it was called.
func finished(done chan struct{}) func(context.Context, download.Update) error {
	return func(context.Context, download.Update) error {
		close(done)
		return nil
	}
}

// readBody reads a whole body of at most limit bytes. A promised length is kept to the
// byte; what is read grows with what comes, never with what is promised.
func readBody(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, fmt.Errorf("the server promises %d bytes, more than the limit of %d", res.ContentLength, limit)
	}
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer is cut off: %w", cause(err))
	case n > limit:
		return nil, fmt.Errorf("the server sends more than the limit of %d bytes", limit)
	case res.ContentLength >= 0 && n != res.ContentLength:
		return nil, fmt.Errorf("the server promised %d bytes and sent %d", res.ContentLength, n)
	}
	return body.Bytes(), nil
}

// inspect reads an archive strictly, to its end.
func (o Options) inspect(ctx context.Context, content []byte) (err error) {
	defer recovered(&err)
	if o.Inspect != nil {
		err = o.Inspect(ctx, content)
	} else {
		_, err = bundle.DigestSources(ctx, o.Limits, []bundle.Source{{Name: "archive", Archive: content}})
	}
	return unnamed(err)
}

// admit says why an archive that a server sent is not used.
func (o Options) admit(ctx context.Context, content []byte) (err error) {
	if o.Admit == nil {
		return o.inspect(ctx, content)
	}
	defer recovered(&err)
	return unnamed(o.Admit(ctx, content))
}

// unnamed is an error without the name of the source: who asks says it.
func unnamed(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok && len(all.Unwrap()) == 1 {
		err = all.Unwrap()[0]
	}
	if inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), `bundle "`) {
		return inner
	}
	return err
}

// recovered makes an error of a panic: a library's, on what a server sent, must not end the
// process. What the panic says may quote it.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case runtime.Error:
		*err = fmt.Errorf("reading what the server sent panicked: %w", p)
	default:
		*err = fmt.Errorf("reading what the server sent panicked: %T", p)
	}
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
