package remote

import (
	"crypto/sha256"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFetch_nginx: a static server with ETags, from a first archive to its end.
func TestFetch_nginx(t *testing.T) {
	n := newNginx(t, "")
	log := &lines{}
	o := defaults("http://" + n.address + "/bundle.tar.gz?sig=s3cret")
	o.Logger, o.UserAgent = log.logger(), "postern/test"
	s := newSource(t, o)
	if got, want := s.Name(), "http://"+n.address+"/bundle.tar.gz"; got != want {
		t.Fatalf("Name = %s, want %s", got, want)
	}
	wantFault(t, s, "the server has nothing there (404)")
	wantFault(t, s, "(404)")
	if got := strings.Count(log.String(), "bundle source failed"); got != 1 {
		t.Errorf("the same failure is logged %d times, want 1:\n%s", got, log)
	}
	one, two := revision(t, "one"), revision(t, "two")
	n.put("bundle.tar.gz", one)
	mustFetch(t, s, one)
	if got := strings.Count(log.String(), "reached again"); got != 1 {
		t.Errorf("the recovery is logged %d times, want 1:\n%s", got, log)
	}
	mustFetch(t, s, one)
	if got := s.Status(); got.Fetches != 1 || got.Unchanged != 1 || got.Failures != 2 || got.Bytes != uint64(len(one)) || got.ETag == "" || got.Error != "" || got.Reached.IsZero() || got.LongPolling {
		t.Errorf("Status = %+v", got)
	}
	first, _ := s.Latest()
	n.put("bundle.tar.gz", one) // touched: another ETag, the same archive
	mustFetch(t, s, one)
	if touched, _ := s.Latest(); touched.ETag == first.ETag || !touched.FetchedAt.Equal(first.FetchedAt) {
		t.Errorf("Latest = %s at %v, want another ETag than %s, and %v", touched.ETag, touched.FetchedAt, first.ETag, first.FetchedAt)
	}
	n.put("bundle.tar.gz", two)
	mustFetch(t, s, two)
	n.put("bundle.tar.gz", []byte("not gzip"))
	wantFault(t, s, "read as .tar.gz")
	n.put("bundle.tar.gz", two[:len(two)-9])
	wantFault(t, s, "unexpected EOF")
	n.put("bundle.tar.gz", append(two[:len(two):len(two)], 0))
	wantFault(t, s, "data follows the end")
	wantLatest(t, s, two)
	n.remove("bundle.tar.gz")
	wantFault(t, s, "(404)")
	n.stop()
	wantFault(t, s, "connection refused")
	n.start()
	// What was held is still asked about by its ETag, after all these failures.
	n.put("bundle.tar.gz", two)
	mustFetch(t, s, two)
	for _, want := range []string{
		"GET /bundle.tar.gz 304 etag=" + strings.ReplaceAll(first.ETag, `"`, `\x22`) + " ",
		"agent=postern/test prefer=modes=snapshot\n",
	} {
		eventually(t, "nginx to log "+want, func() bool { return strings.Contains(n.log(), want) })
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("a secret is logged:\n%s", log)
	}
}

// TestRun_nginx: news is told once each, across a restart of the server, and Run leaves
// nothing.
func TestRun_nginx(t *testing.T) {
	n := newNginx(t, "")
	one, two := revision(t, "one"), revision(t, "two")
	n.put("b.tar.gz", one)
	noLeaks(t, func() {
		s := newSource(t, defaults("http://"+n.address+"/b.tar.gz"))
		r := run(t, s)
		eventually(t, "the first archive", func() bool { return r.count() == 1 })
		eventually(t, "a 304", func() bool { return s.Status().Unchanged > 0 })
		n.stop()
		eventually(t, "failures", func() bool { return s.Status().Failures > 1 })
		n.start()
		eventually(t, "the end of failures", func() bool { return s.Status().Error == "" })
		if got := r.count(); got != 1 {
			t.Errorf("changed was called %d times, want 1", got)
		}
		n.put("b.tar.gz", two)
		eventually(t, "the second archive", func() bool { return r.count() == 2 })
		wantLatest(t, s, two)
		r.stop()
		status := s.Status()
		if !status.Next.After(status.Attempted) {
			t.Errorf("Status = %+v: the next attempt is not after the last", status)
		}
	})
}

// TestFetch_nginxLimits: what is too large, too slow or cut off is refused.
func TestFetch_nginxLimits(t *testing.T) {
	noise := make([]byte, 600<<10)
	random := rand.NewChaCha8([sha256.Size]byte{})
	_, _ = random.Read(noise) // it never fails
	large := archiveOf(t, map[string]string{"model/data.json": "{}", "README.md": string(noise)})
	n := newNginx(t, "listen ADDRESS; location /slow/ { alias DIR/root/; limit_rate 20k; }")
	n.put("b.tar.gz", large)

	o := defaults("http://" + n.address + "/b.tar.gz")
	o.Limits.TotalBytes = 500 << 10
	wantFault(t, newSource(t, o), "promises", "more than the limit of 512000")
	o.Limits.TotalBytes = int64(len(large)) // and not one for what is unpacked
	wantFault(t, newSource(t, o), "larger when decompressed")

	o = defaults("http://" + n.address + "/slow/b.tar.gz")
	o.Timeout = 300 * time.Millisecond
	began := time.Now()
	wantFault(t, newSource(t, o), "no whole answer within 300ms")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a slow server holds an attempt for %s", took)
	}

	s := newSource(t, defaults("http://"+n.address+"/slow/b.tar.gz"))
	failed := make(chan error, 1)
	go func() { failed <- s.Fetch(t.Context()) }()
	eventually(t, "the body to begin", func() bool { return strings.Contains(goroutines(), "remote.readBody(") })
	n.stop()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "reset") {
		t.Errorf("Fetch = %v of a body that is cut off", err)
	}
	if _, ok := s.Latest(); ok {
		t.Error("half of an archive is held")
	}
}

// TestFetch_nginxToken: the token is read at each request, and goes to no other host.
func TestFetch_nginxToken(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "server")
	tls := " ssl; ssl_certificate " + cert + "; ssl_certificate_key " + key + ";"
	other := newNginx(t, "listen ADDRESS"+tls)
	plain := newNginx(t, "")
	one := revision(t, "one")
	other.put("b.tar.gz", one)
	plain.put("b.tar.gz", one)
	n := newNginx(t, `listen ADDRESS`+tls+`
		location = /b.tar.gz { if ($http_authorization != "Bearer s3cret-2") { return 401; } }
		location = /elsewhere { return 302 https://`+other.address+`/b.tar.gz; }
		location = /same { return 302 /b.tar.gz?sig=1; }
		location = /plain { return 302 http://`+plain.address+`/b.tar.gz; }
		location = /loop { return 302 /loop; }
		location = /nowhere { return 302 "http://[sig=s3cret"; }
		location = /forbidden { return 403; }`)
	n.put("b.tar.gz", one)
	token := writeFile(t, filepath.Join(t.TempDir(), "token"), "s3cret-1\n")
	source := func(path string) *Source {
		o := defaults("https://" + n.address + path)
		o.CA, o.TokenFile = ca.path, token
		return newSource(t, o)
	}
	s := source("/b.tar.gz")
	wantFault(t, s, "the server wants other credentials (401)")
	writeFile(t, token, "s3cret-2\n")
	mustFetch(t, s, one)
	mustFetch(t, source("/same"), one)
	mustFetch(t, source("/elsewhere?sig=s3cret"), one)
	eventually(t, "the other host's log", func() bool { return strings.Contains(other.log(), "\n") })
	if asked := other.log(); !strings.Contains(asked, "GET /b.tar.gz 200 etag=- auth=- referer=- ") {
		t.Errorf("the other host was told more than it needs:\n%s", asked)
	}
	wantFault(t, source("/plain"), "from https to http")
	wantFault(t, source("/loop"), "more than 5 times")
	wantFault(t, source("/nowhere"), "no URL")
	wantFault(t, source("/forbidden"), "(403)")
	for _, text := range []string{"", "two words", "s3cret\nX-Evil: 1", "Bearer s3cret", "s\x00"} {
		writeFile(t, token, text)
		wantFault(t, s, "want one token")
	}
	if err := newSource(t, Options{
		URL: "https://" + n.address + "/b.tar.gz", CA: ca.path, TokenFile: filepath.Join(t.TempDir(), "missing"),
		Min: 1, Max: 1, Timeout: time.Minute, Limits: s.options.Limits,
	}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Fetch = %v without the token's file", err)
	}
}

// TestFetch_nginxTLS: who the server is, and who asks, are both proven; replaced files
// count from the next attempt on.
func TestFetch_nginxTLS(t *testing.T) {
	ca, clients, stranger := newAuthority(t), newAuthority(t), newAuthority(t)
	cert, key := ca.issue(t, "server")
	n := newNginx(t, "listen ADDRESS ssl; ssl_certificate "+cert+"; ssl_certificate_key "+key+"; ssl_client_certificate "+clients.path+"; ssl_verify_client on;")
	one := revision(t, "one")
	n.put("b.tar.gz", one)
	o := defaults("https://" + n.address + "/b.tar.gz")
	wantFault(t, newSource(t, o), "certificate signed by unknown authority")
	o.CA = ca.path
	wantFault(t, newSource(t, o), "answers 400") // nginx's No required SSL certificate was sent
	o.Cert, o.Key = stranger.issue(t, "client")
	s := newSource(t, o)
	wantFault(t, s, "answers 400")
	good, goodKey := clients.issue(t, "client")
	writeFile(t, o.Cert, read(t, good))
	wantFault(t, s, "private key does not match")
	writeFile(t, o.Key, read(t, goodKey))
	mustFetch(t, s, one)
	writeFile(t, o.CA, read(t, stranger.path))
	wantFault(t, s, "certificate signed by unknown authority")
	writeFile(t, o.CA, "no certificate")
	wantFault(t, s, "no certificate in it")
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "no certificate in it") {
		t.Errorf("New = %v with a bad CA", err)
	}
}
