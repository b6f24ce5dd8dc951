// Package remote fetches bundle archives from a URL or from an OCI registry, again and
// again, and keeps the last good one on disk for a start while the server is out of reach.
// What a server sends is read within a bound and by Postern's own strict reader before
// anything else sees it; asking is OPA's downloader's and oras-go's, so that servers that
// know OPA know Postern.
package remote

import (
	"context"
	"log/slog"
	"time"

	"postern/sidecar/bundle"
)

// Options are what a [Source] is made of.
type Options struct {
	// URL is https://…, http://… or oci://registry/repository with :tag, @sha256:… or both.
	// Where there is a digest it alone decides, and a tag is for people.
	URL string
	// TokenFile is the path of the bearer token of an http(s) URL. It is read at each request,
	// and sent to the URL's own host alone, over https or on this machine.
	TokenFile string
	// DockerConfig is the path of the docker config.json with a registry's credentials.
	// Credential helpers are not run.
	DockerConfig string
	// CA, Cert and Key are paths of PEM files: the authorities that the server's certificate
	// needs, where empty the system's, and what the server is shown. They are read again at
	// each attempt.
	CA, Cert, Key string
	// Proxy is the URL of the proxy to ask through; empty, the environment's holds. Nothing on
	// this machine is asked through a proxy.
	Proxy string
	// Min and Max are the shortest and the longest time between two attempts, Timeout is how
	// long one may take, and Long is how long a server that can is asked to hold a request
	// until there is news, beyond Timeout. A Long of 0 does not ask.
	Min, Max, Long, Timeout time.Duration
	// Directory is where [Source.Keep] keeps the last good archive; empty, nothing is kept.
	Directory string
	// Limits bound an archive. Its compressed size is bounded by TotalBytes too.
	Limits bundle.Limits
	// Inspect says what is wrong with an archive before it is used. It must read it strictly,
	// to its end, within the limits. Nil is [bundle.DigestSources] of a source that is not
	// signed; of one that must be, whoever has its signers gives them to the same.
	Inspect func(ctx context.Context, archive []byte) error
	// Admit is asked in the place of Inspect about what a server sent, and may refuse more: a
	// signature, say, or an old revision. What it refuses never becomes [Source.Latest]. It is
	// asked again by [Source.Again]. Only with a [ContentError] has the server been reached
	// all the same. Nil is Inspect.
	Admit func(ctx context.Context, archive []byte) error
	// UserAgent is what servers are told; empty, it is postern.
	UserAgent string
	// Logger is told of failures, once for each run of the same, and of the recovery; nil
	// discards. Of archives that are refused it is not: the status has them.
	Logger *slog.Logger
	// Now is the clock of what is stamped; nil is [time.Now].
	Now func() time.Time
}

// An Archive is a .tar.gz that a server sent, whole, and that was admitted. That the bundle in
// it is good is not said.
type Archive struct {
	// Content is shared: it must not be changed.
	Content []byte
	// ETag is what the server calls this version; of a registry, the manifest's digest.
	ETag string
	// Digest is "sha256:" and the hex digest of Content.
	Digest string
	// FetchedAt is when it was first sent.
	FetchedAt time.Time
	// ReachedAt is, of what was kept, when the server last said that it is the newest.
	ReachedAt time.Time
}

// digest is an archive's, empty of none.
func (a *Archive) digest() string {
	if a == nil {
		return ""
	}
	return a.Digest
}

// A Status is how it stands with a source.
type Status struct {
	// Source is [Source.Name].
	Source string `json:"source"`
	// Reached is when the server last answered with an archive, or that there is no other. One
	// that is refused counts with a [ContentError] alone: whoever stands in the server's place
	// could else keep an old bundle from ever being too old.
	Reached time.Time `json:"reached,omitzero"`
	// Attempted is when the last attempt ended, Next when the next begins.
	Attempted time.Time `json:"attempted,omitzero"`
	Next      time.Time `json:"next,omitzero"`
	// Error is why the last attempt failed, or what it said is refused; else it is empty.
	Error string `json:"error,omitempty"`
	// Refused is the archive that the server says and that was not admitted, nil where there
	// is none.
	Refused *Refused `json:"refused,omitempty"`
	// ETag and Digest are those of [Source.Latest].
	ETag   string `json:"etag,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Fetches counts answers with an archive, Unchanged those that there is no other than was
	// sent last, and Failures all other attempts and the archives that are refused.
	Fetches   uint64 `json:"fetches"`
	Unchanged uint64 `json:"unchanged"`
	Failures  uint64 `json:"failures"`
	// Bytes are those of all archives that were fetched.
	Bytes uint64 `json:"bytes"`
	// LongPolling says that the server holds requests until there is news.
	LongPolling bool `json:"long_polling"`
}

// Refused is an archive that a server sent and that was not admitted. Its server is not asked
// for it again.
type Refused struct {
	Digest string    `json:"digest"`
	Since  time.Time `json:"since"`
	Error  string    `json:"error"`
}
