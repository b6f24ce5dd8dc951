package remote

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/download"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// TestTrigger: OPA's Trigger returns when its context ends, and the attempt has not ended
// by then.
func TestTrigger(t *testing.T) {
	s := newSource(t, defaults("http://127.0.0.1:1/b"))
	asked, release := make(chan struct{}), make(chan struct{})
	e := &exchange{address: s.address, trip: roundTripper(func(*http.Request) (*http.Response, error) {
		close(asked)
		<-release
		return nil, errors.New("released")
	})}
	client, err := e.restClient()
	if err != nil {
		t.Fatal(err)
	}
	config, err := manual(0)
	if err != nil {
		t.Fatal(err)
	}
	done, returned := make(chan struct{}), make(chan error)
	d := download.New(config, client, "").WithCallback(finished(done))
	ctx, cancel := context.WithCancel(t.Context())
	w := watched{d, make(chan struct{})}
	go func() { returned <- trigger(ctx, w, done) }()
	<-asked
	cancel()
	<-w.over
	select {
	case err := <-returned:
		t.Fatalf("trigger = %v while the attempt goes on", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-returned; !errors.Is(err, context.Canceled) || e.refused() == nil {
		t.Errorf("trigger = %v, and the attempt came to %v", err, e.refused())
	}
}

// A watched downloader says when its Trigger has returned.
type watched struct {
	*download.Downloader
	over chan struct{}
}

func (w watched) Trigger(ctx context.Context) error {
	defer close(w.over)
	return w.Downloader.Trigger(ctx)
}

// TestOptions_credential: a registry's credentials are for it, whatever else the file has.
func TestOptions_credential(t *testing.T) {
	o := defaults("oci://registry.example/b:1")
	o.DockerConfig = writeFile(t, filepath.Join(t.TempDir(), "config.json"),
		`{"auths": {"registry.example": {"auth": "YWRhOnMzY3JldA=="}, "other.example": {"auth": "YWRhOnMzY3JldA=="}}}`)
	of := o.credential(newSource(t, o).address)
	if got, err := of(t.Context(), "registry.example"); err != nil || got.Password != "s3cret" {
		t.Errorf("the credentials of the registry: %v, %v", got.Username, err)
	}
	for _, host := range []string{"other.example", "registry.example:444", "Registry.example.", ""} {
		if got, err := of(t.Context(), host); err != nil || got != auth.EmptyCredential {
			t.Errorf("the credentials of %q: %v, %v", host, got.Username, err)
		}
	}
}

// TestOptions_inspect: what says what is wrong with an archive is asked wherever one comes
// from.
func TestOptions_inspect(t *testing.T) {
	one := revision(t, "one")
	refuse := false
	of := func(url string) *Source {
		o := defaults(url)
		o.Directory = t.TempDir()
		o.Inspect = func(_ context.Context, archive []byte) error {
			if !bytes.Equal(archive, one) {
				t.Errorf("asked about %d bytes, want %d", len(archive), len(one))
			}
			if refuse {
				return errors.New("refused by the test")
			}
			return nil
		}
		return newSource(t, o)
	}
	for _, url := range []string{serve(t, send(one)).URL, newForger(t, one).reference(t, ":prod")} {
		s := of(url)
		refuse = true
		wantFault(t, s, "refused by the test")
		refuse = false
		mustFetch(t, s, one)
		a, _ := s.Latest()
		if err := s.Keep(a); err != nil {
			t.Fatal(err)
		}
		wantKept(t, s, a)
		refuse = true
		if _, ok := s.Kept(); ok {
			t.Errorf("%s: what is refused is kept", s.Name())
		}
	}
}
