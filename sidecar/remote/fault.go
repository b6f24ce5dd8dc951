package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"postern/sidecar/outbound"
	"postern/sidecar/phrase"
)

// A statusError is an answer that is no archive.
type statusError int

func (e statusError) Error() string {
	switch code := int(e); code {
	case http.StatusUnauthorized:
		return "the server wants other credentials (401)"
	case http.StatusForbidden:
		return "the server refuses these credentials (403)"
	case http.StatusNotFound:
		return "the server has nothing there (404)"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fmt.Sprintf("the server wants to be asked later (%d)", code)
	case http.StatusProxyAuthRequired:
		return "the proxy wants other credentials (407)"
	default:
		return fmt.Sprintf("the server answers %d", code)
	}
}

// A fault is a cause that is fit to be shown.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.err }

// cause takes out of an error what may hold a secret, above all the URL with its query.
func cause(err error) error {
	if code, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		return statusError(code.StatusCode)
	}
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		return errors.New("the server wants credentials (401)")
	}
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = u.Err
	}
	text := err.Error()
	// What oras-go wraps begins with the method and the URL, in quotes.
	if inner := errors.Unwrap(err); inner != nil && (strings.HasPrefix(text, "GET \"") || strings.HasPrefix(text, "HEAD \"") || strings.HasPrefix(text, "POST \"") || strings.HasPrefix(text, "PUT \"")) {
		return cause(inner)
	}
	return &fault{ownPort.ReplaceAllString(phrase.OneLine(text), ""), err}
}

// ownPort is this end of a connection in an error of package net: it differs each time.
var ownPort = regexp.MustCompile(`\S+:\d+->`)

// inTime says of an attempt that ended with its time that it did.
func inTime(ctx context.Context, limit time.Duration, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &fault{fmt.Sprintf("no whole answer within %s", limit), context.DeadlineExceeded}
	}
	return err
}

// maxRetryAfter is the longest that a server can keep itself from being asked.
const maxRetryAfter = time.Hour

// retryAfter is how long a server that refuses for now wants not to be asked.
func retryAfter(res *http.Response, now time.Time) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	return outbound.RetryAfter(res.Header, now, maxRetryAfter)
}
