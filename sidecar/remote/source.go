package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"postern/sidecar/outbound"
)

// A Source is one URL. Its methods may be called at the same time.
type Source struct {
	options Options
	address *address

	// turn is held by the one attempt that is under way.
	turn chan struct{}
	// poked says that an attempt has ended.
	poked chan struct{}

	keeping sync.Mutex // keeps two from writing one file, and guards onDisk
	onDisk  string     // the digest of what is kept, as far as is known
	unread  string     // why what is kept was not used when it was last read

	mu      sync.Mutex // guards what follows
	status  Status
	latest  *Archive
	refused *refusedArchive // what the server says in the place of latest; nil where it is latest
	due     time.Time       // when the next attempt begins, by the real clock
	inARow  int             // failures since the last answer
	warned  map[string]bool // files of secrets that everybody can read
	patient bool            // the server is asked to hold the next request
	hurried int             // how many wait in Fetch
	giveUp  func()          // ends the attempt that the server holds; nil where it holds none
}

// New checks the options, with the files that they name but for the token, and asks no
// network.
func New(o Options) (*Source, error) {
	a, err := parseAddress(o.URL, o.CA != "")
	if err != nil {
		return nil, err
	}
	if err := o.check(a); err != nil {
		return nil, fmt.Errorf("%s: %w", a.name, err)
	}
	if o.UserAgent == "" {
		o.UserAgent = "postern"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Source{options: o, address: a, turn: make(chan struct{}, 1), poked: make(chan struct{}, 1), warned: map[string]bool{}}
	s.patient = o.Long > 0
	return s, nil
}

// check finds what cannot be meant, and files that cannot be used.
func (o Options) check(a *address) error {
	switch {
	case o.Min <= 0 || o.Max < o.Min:
		return fmt.Errorf("asking every %s to %s: want more than 0, and the longer one second", o.Min, o.Max)
	case o.Timeout <= 0:
		return fmt.Errorf("a timeout of %s: want more than 0", o.Timeout)
	case o.Long != 0 && o.Long < time.Second:
		return fmt.Errorf("holding a request for %s: want 0, or a second at least", o.Long)
	case o.Limits.TotalBytes <= 0:
		return errors.New("the limits let no archive in")
	case a.reference != nil && o.TokenFile != "":
		return errors.New("a token file is for https: a registry's credentials are in a docker config")
	case a.reference != nil && o.Long != 0:
		return errors.New("a registry cannot hold requests until there is news")
	case a.reference == nil && o.DockerConfig != "":
		return errors.New("a docker config is for registries: want a token file")
	case o.TokenFile != "" && a.url.Scheme == "http" && !outbound.Loopback(a.url.Hostname()):
		return errors.New("the token would be sent in the clear: want https")
	}
	c, err := o.connect(a)
	if err != nil {
		return err
	}
	c.close()
	if o.DockerConfig == "" {
		return nil
	}
	_, err = credentialFor(context.Background(), o.DockerConfig, a.url.Host)
	return err
}

// Name is the URL without user, password and query: what errors, logs and status call the
// source.
func (s *Source) Name() string { return s.address.name }

// Latest is the archive that the server said last, in this process, and that was admitted.
func (s *Source) Latest() (Archive, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest == nil {
		return Archive{}, false
	}
	return *s.latest, true
}

// Status is how it stands.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Source = s.Name()
	if s.latest != nil {
		status.ETag, status.Digest = s.latest.ETag, s.latest.Digest
	}
	if r := s.refused; r != nil {
		status.Refused = &Refused{Digest: r.archive.Digest, Since: r.archive.FetchedAt, Error: r.err.Error()}
	}
	return status
}

// credential is what the registry at host is shown; of any other host it is nothing.
func (o Options) credential(a *address) auth.CredentialFunc {
	return func(ctx context.Context, host string) (auth.Credential, error) {
		if o.DockerConfig == "" || host != a.url.Host {
			return auth.EmptyCredential, nil
		}
		return credentialFor(ctx, o.DockerConfig, host)
	}
}
