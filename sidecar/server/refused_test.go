package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postern/sidecar/config"
)

// model is a bundle with a model alone, under a revision.
func modelBundle(revision string) map[string]string {
	return map[string]string{".manifest": fmt.Sprintf(`{"revision": %q, "roots": ["model"]}`, revision), "model/data.yaml": "permissions: {}\n"}
}

// pair is a configuration of two servers: rules, with members, and a model.
func pair(t testing.TB, rules, model *bundleServer, members string, more ...string) *config.Config {
	t.Helper()
	c := remotely(t, rules.URL, members, more...)
	c.Bundles = append(c.Bundles, remotely(t, model.URL, "").Bundles...)
	return c
}

// A tried is what status says of the last load.
type tried struct{ Revision, Digest, Error string }

func (s *sidecar) lastReload() tried {
	s.t.Helper()
	var status struct {
		Last tried `json:"last_reload"`
	}
	a := s.do("GET", "admin:/v1/status", "")
	if err := json.Unmarshal([]byte(a.Body), &status); err != nil {
		s.t.Fatalf("%s: %v", a.Body, err)
	}
	return status.Last
}

// asked waits until a server was asked a few times more, and wants that it sent nothing
// meanwhile.
func (s *sidecar) asked(b *bundleServer) {
	s.t.Helper()
	unchanged := func() float64 {
		return number(s.families(), "postern_source_fetches_total", "result", "unchanged", "source", b.URL)
	}
	sent, before := b.sent.Load(), unchanged()
	eventually(s.t, "the server is asked again", func() bool { return unchanged() > before+3 })
	if n := b.sent.Load() - sent; n != 0 {
		s.t.Errorf("what is refused was sent %d times again", n)
	}
}

// TestRefused_others: what one server says and is refused for itself holds no other source
// back, is seen, and is not fetched again; what decides stays for its source.
func TestRefused_others(t *testing.T) {
	signer, stranger := newBundleSigner(t), newBundleSigner(t)
	f := func(name, cause string, bad []byte) {
		t.Run(name, func(t *testing.T) {
			rules := publishing(t, signer.archive(sayingBundle("2", "two"), nil))
			model := publishing(t, tarball(t, modelBundle("m1")))
			s := start(t, pair(t, rules, model, signer.members()+", ordered: true"))
			good := sign(t, nil)
			s.says(good, "two")
			before := s.metric(`postern_bundle_reloads_total{result="error"}`)
			rules.publish(bad)
			eventually(t, "the refusal is told of", func() bool {
				return s.metric("postern_bundle_last_reload_successful") == "0"
			})
			model.publish(tarball(t, modelBundle("m2")))
			eventually(t, "the other source moves on", func() bool { return s.origins()[1].Revision == "m2" })
			s.says(good, "two")
			s.asked(rules)
			o := s.origins()
			if !o[0].Kept || o[0].Revision != "2" || o[0].SignedBy != "ci" || o[1].SignedBy != "" || o[1].Kept || o[0].Server.Refused == nil ||
				!strings.Contains(o[0].Server.Error, cause) || !strings.Contains(o[0].Server.Refused.Error, cause) {
				t.Errorf("origins = %+v, %+v, %+v", o, o[0].Server, o[0].Server.Refused)
			}
			if got := number(s.families(), "postern_source_kept", "source", rules.URL); got != 1 {
				t.Errorf("postern_source_kept = %v, want 1", got)
			}
			if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
				t.Errorf("readyz: %s", a.Body)
			}
			// Once with the bundle as it was, once with the other source's news.
			if n := strings.Count(s.log.String(), "bundle refused"); n < 1 || n > 2 {
				t.Errorf("the refusal is logged %d times", n)
			}
			if got := s.metric(`postern_bundle_reloads_total{result="error"}`); got == before {
				t.Errorf("the refusal is not counted")
			}
			rules.publish(signer.archive(sayingBundle("3", "three"), nil))
			s.says(good, "three")
			eventually(t, "all is well", func() bool {
				return s.metric("postern_bundle_last_reload_successful") == "1" && !s.origins()[0].Kept && s.origins()[0].Server.Error == ""
			})
		})
	}
	f("no archive", "read as .tar.gz", []byte("<html>not found</html>"))
	f("cut off", "unexpected EOF", tarball(t, sayingBundle("9", "nine"))[:100])
	f("unsigned", "must be signed", tarball(t, sayingBundle("9", "nine")))
	f("a stranger's", "signature", stranger.archive(sayingBundle("9", "nine"), nil))
	f("expired", "expired", signer.archive(sayingBundle("9", "nine"), map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}))
	f("no policy", "rules.rego:3", signer.archive(map[string]string{".manifest": `{"revision": "9"}`, "rules.rego": "package postern.extend\n\ndeny contains 1 if {"}, nil))
	f("older", "is lower than 2", signer.archive(sayingBundle("1", "one"), nil))
	f("the same with other content", "accepted before with other content", signer.archive(sayingBundle("2", "another two"), nil))
}

// TestRefused_together: what shows only in combination refuses the whole, and news of the
// other source wait.
func TestRefused_together(t *testing.T) {
	rules, model := publishing(t, tarball(t, sayingBundle("1", "one"))), publishing(t, tarball(t, modelBundle("m1")))
	s := start(t, pair(t, rules, model, ""))
	good := sign(t, nil)
	s.says(good, "one")
	broken := sayingBundle("2", "two")
	broken["more.rego"] = "package postern.extend\n\ndeny contains undefined_function(1)\n"
	rules.publish(tarball(t, broken))
	eventually(t, "the load is refused", func() bool { return strings.Contains(s.lastReload().Error, "undefined_function") })
	if last := s.lastReload(); last.Revision != "2,m1" {
		t.Errorf("last_reload = %+v, want the revision that is refused", last)
	}
	model.publish(tarball(t, modelBundle("m2")))
	eventually(t, "the news are there", func() bool { return s.origins()[1].Kept })
	s.says(good, "one")
	if o := s.origins(); o[0].Revision != "1" || o[1].Revision != "m1" || o[0].Server.Refused != nil {
		t.Errorf("origins = %+v", o)
	}
	rules.publish(tarball(t, sayingBundle("3", "three")))
	s.says(good, "three")
	eventually(t, "both have moved on", func() bool { o := s.origins(); return o[1].Revision == "m2" && !o[1].Kept })
}

// TestRefused_key: what was refused is looked at again without a download when the key file
// changes: every watch.poll, or at once by a reload.
func TestRefused_key(t *testing.T) {
	f := func(name string, poll time.Duration, look func(*sidecar)) {
		t.Run(name, func(t *testing.T) {
			now, next := newBundleSigner(t), newBundleSigner(t)
			rules, model := publishing(t, now.archive(sayingBundle("1", "one"), nil)), publishing(t, tarball(t, modelBundle("m1")))
			c := pair(t, rules, model, now.members())
			c.Watch.Poll = poll
			s := start(t, c)
			good := sign(t, nil)
			s.says(good, "one")
			rules.publish(next.archive(sayingBundle("2", "two"), nil))
			eventually(t, "the refusal is told of", func() bool { return s.origins()[0].Server.Refused != nil })
			s.asked(rules)
			sent := rules.sent.Load()
			key, err := os.ReadFile(next.public)
			if err != nil {
				t.Fatal(err)
			}
			replace(t, now.public, string(key))
			look(s)
			s.says(good, "two")
			if n := rules.sent.Load() - sent; n != 0 {
				t.Errorf("it was sent %d times again", n)
			}
			eventually(t, "all is well", func() bool { return s.metric("postern_bundle_last_reload_successful") == "1" })
		})
	}
	f("poll", 20*time.Millisecond, func(*sidecar) {})
	f("reload", time.Hour, func(s *sidecar) { s.server.Reload(t.Context()) })
}

// TestRefused_expiredInUse: a signature that expires while its bundle decides does not hold
// another source back.
func TestRefused_expiredInUse(t *testing.T) {
	signer := newBundleSigner(t)
	began := time.Now()
	var at clock
	at.set(began)
	rules := publishing(t, signer.archive(sayingBundle("1", "one"), map[string]any{"exp": began.Add(time.Hour).Unix()}))
	model := publishing(t, tarball(t, modelBundle("m1")))
	s := startAt(t, pair(t, rules, model, signer.members()), at.now)
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	s.says(good, "one")
	at.set(began.Add(2 * time.Hour))
	model.publish(tarball(t, modelBundle("m2")))
	eventually(t, "the other source moves on", func() bool { return s.origins()[1].Revision == "m2" })
	s.says(good, "one")
}

// TestRefused_reached: a server that says only what nobody it must be has signed is out of
// reach, and what decides grows too old; one whose release has a mistake is not.
func TestRefused_reached(t *testing.T) {
	signer := newBundleSigner(t)
	good := sign(t, map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()})
	f := func(name string, bad []byte, want string) {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			var at clock
			at.set(began)
			rules := publishing(t, signer.archive(sayingBundle("2", "two"), nil))
			s := startAt(t, remotely(t, rules.URL, signer.members()+", ordered: true, max_age: 1h, stale: deny"), at.now)
			s.says(good, "two")
			rules.publish(bad)
			eventually(t, "it is refused", func() bool { return s.origins()[0].Server.Refused != nil })
			at.set(began.Add(2 * time.Hour))
			s.asked(rules)
			if o := s.origins()[0]; o.Stale != (want == "not_ready") {
				t.Errorf("stale = %v, and the answer is to be %s", o.Stale, want)
			}
			eventually(t, "the answer is "+want, func() bool { return s.ask(good, `{"role":"admin"}`).codes() == want })
		})
	}
	f("no archive", []byte("<html>not found</html>"), "not_ready")
	f("unsigned", tarball(t, sayingBundle("3", "three")), "not_ready")
	f("older", signer.archive(sayingBundle("1", "one"), nil), "policy_denied")
	f("mistaken", signer.archive(map[string]string{".manifest": `{"revision": "3"}`, "rules.rego": "package postern.extend\n\ndeny contains 1 if {"}, nil), "policy_denied")
}

// TestRefused_backExpired: a server that goes back to what decides has nothing refused, though
// the signature of that has expired meanwhile.
func TestRefused_backExpired(t *testing.T) {
	signer := newBundleSigner(t)
	began := time.Now()
	var at clock
	at.set(began)
	archive := signer.archive(sayingBundle("1", "one"), map[string]any{"exp": began.Add(time.Hour).Unix()})
	rules := publishing(t, archive)
	s := startAt(t, remotely(t, rules.URL, signer.members()), at.now)
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	s.says(good, "one")
	rules.publish([]byte("<html>not found</html>"))
	eventually(t, "it is refused", func() bool { return s.origins()[0].Server.Refused != nil })
	at.set(began.Add(2 * time.Hour))
	rules.publish(archive)
	eventually(t, "nothing is refused", func() bool {
		o := s.origins()[0]
		return o.Server.Refused == nil && o.Server.Error == "" && !o.Kept && s.lastReload().Error == ""
	})
	s.says(good, "one")
}

// TestRefused_start: at a start, what was kept stands for what is refused, and the other
// source's news are loaded with it; without anything kept, nothing decides.
func TestRefused_start(t *testing.T) {
	signer := newBundleSigner(t)
	rules, model := publishing(t, signer.archive(sayingBundle("1", "one"), nil)), publishing(t, tarball(t, modelBundle("m1")))
	good := sign(t, nil)
	c := pair(t, rules, model, signer.members(), "persistence_directory: "+t.TempDir())
	s := start(t, c)
	s.says(good, "one")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	rules.publish(tarball(t, sayingBundle("2", "two")))
	model.publish(tarball(t, modelBundle("m2")))
	s = start(t, c)
	s.says(good, "one")
	eventually(t, "the other source is the new one", func() bool { return s.origins()[1].Revision == "m2" })
	if o := s.origins(); !o[0].Kept || o[0].Server.Refused == nil {
		t.Errorf("origins = %+v", o)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, pair(t, rules, model, signer.members()))
	if a := s.ask(good, `{"role":"admin"}`); a.codes() != "not_ready" {
		t.Errorf("an unsigned bundle decides: %s", a.Body)
	}
	if a := s.do("GET", "admin:/v1/status", ""); !strings.Contains(a.Body, "must be signed") {
		t.Errorf("status does not say why: %s", a.Body)
	}
}
