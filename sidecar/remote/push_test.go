package remote

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/download"
	"github.com/open-policy-agent/opa/v1/logging"
	"github.com/open-policy-agent/opa/v1/plugins/rest"

	"postern/testdata/harness"
)

// TestPush_refused: nothing is asked where it cannot be meant.
func TestPush_refused(t *testing.T) {
	f := func(o PushOptions, want string) {
		t.Helper()
		if d, err := Push(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Push(%s) = %s, %v, want %q", o.Reference, d, err, want)
		}
	}
	one := revision(t, "one")
	f(PushOptions{Reference: "https://a.example/b", Archive: one}, "are pushed to oci:")
	f(PushOptions{Reference: "oci://a.example/b", Archive: one}, "neither a tag nor a digest")
	f(PushOptions{Reference: "oci://a.example/b@" + zeroDigest, Archive: one}, "a digest comes of what is pushed")
	f(PushOptions{Reference: "oci://a.example/b:1@" + zeroDigest, Archive: one}, "a digest comes of what is pushed")
	f(PushOptions{Reference: "oci://a.example/b:1"}, "the archive is empty")
	f(PushOptions{Reference: "oci://a.example/b:1", Archive: one, CA: "missing"}, "no such file")
	f(PushOptions{Reference: "oci://a.example/b:1", Archive: one, DockerConfig: "missing"}, "no such file")
	f(PushOptions{Reference: "oci://" + closed(t) + "/b:1", Archive: one}, "connection refused")
	down := serve(t, status(http.StatusBadGateway))
	f(PushOptions{Reference: "oci://" + strings.TrimPrefix(down.URL, "http://") + "/b:1", Archive: one}, "the server answers 502")
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.Redirect(w, r, down.URL, http.StatusTemporaryRedirect)
	})
	f(PushOptions{Reference: "oci://" + strings.TrimPrefix(away.URL, "http://") + "/b:1", Archive: one}, "sends a POST on")
}

// TestPush_opa: OPA's own downloader, with nothing of ours in its way, reads what was
// pushed.
func TestPush_opa(t *testing.T) {
	address := harness.Registry(t, "", "")
	mustPush(t, PushOptions{Reference: "oci://" + address + "/main:prod", Archive: revision(t, "one")})
	client, err := rest.New([]byte(`{"url": "http://`+address+`"}`), nil, rest.Logger(logging.NewNoOpLogger()))
	if err != nil {
		t.Fatal(err)
	}
	config, err := manual(0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan download.Update, 1)
	d := download.NewOCI(config, client, address+"/main:prod", t.TempDir()).WithCallback(func(_ context.Context, u download.Update) error {
		got <- u
		return nil
	})
	if err := d.Trigger(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := <-got; u.Bundle == nil || u.Bundle.Manifest.Revision != "one" {
		t.Errorf("OPA reads %+v", u)
	}
}
