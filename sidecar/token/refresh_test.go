package token

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/sidecar/decision"
)

// A keyServer is an HTTP server behind an in-memory network, so that it lives inside a
// synctest bubble with its clock. It records when it was asked.
type keyServer struct {
	conns chan net.Conn

	mu    sync.Mutex // guards what follows
	up    bool
	keys  []map[string]any
	times []time.Time // of every attempt to connect, answered or not
}

func (s *keyServer) Accept() (net.Conn, error) {
	c, ok := <-s.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (s *keyServer) Close() error   { return nil }
func (s *keyServer) Addr() net.Addr { return &net.TCPAddr{} }

func (s *keyServer) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	if !s.up {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	s.conns <- server
	return client, nil
}

func (s *keyServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	serveKeys(w, s.keys...)
}

func (s *keyServer) set(up bool, keys ...map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.keys = up, keys
}

// asked returns the times of the attempts so far.
func (s *keyServer) asked() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.times)
}

// inBubble runs f with a server, keys that come from it, and a function that starts
// Keys.Run, all on a fake clock. When it ends no goroutine may be left, or synctest fails.
func inBubble(t *testing.T, o Options, f func(t *testing.T, s *keyServer, k *Keys, run func())) {
	t.Helper()
	_, _ = rsaOne(), rsaTwo() // made outside the bubble
	synctest.Test(t, func(t *testing.T) {
		s := &keyServer{conns: make(chan net.Conn, 16)}
		server := &http.Server{Handler: s}
		served := make(chan struct{})
		go func() {
			_ = server.Serve(s)
			close(served)
		}()
		k := JWKSURL("http://127.0.0.1/jwks", o)
		k.client.Transport.(*http.Transport).DialContext = s.dial
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		f(t, s, k, func() { running.Go(func() { k.Run(ctx) }) })
		cancel()
		running.Wait()
		close(s.conns)
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
		<-served
	})
}

// unknown is a token whose kid is n, which no set has.
func unknown(n int) string {
	return encode(fmt.Sprintf(`{"alg":"RS256","kid":"unknown-%d"}`, n)) + "." + encode(goodClaims) + ".AAAA"
}

// verifierOf is a verifier with k.
func verifierOf(t *testing.T, k *Keys) *Verifier {
	t.Helper()
	config := testConfig(t)
	config.Keys = k
	return mustVerifier(t, config)
}

func TestRun_refreshes(t *testing.T) {
	var reloads []error
	inBubble(t, Options{OnReload: func(err error) { reloads = append(reloads, err) }}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		run()
		synctest.Wait()
		if !k.Ready() {
			t.Fatalf("Ready = false right after Run, want true: %+v", k.Status())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		asked := s.asked()
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < 4*time.Minute+29*time.Second || gap > 5*time.Minute+time.Second {
				t.Errorf("fetch %d came %v after the last, want 4m30s to 5m", i, gap)
			}
		}
		if n := len(asked); n < 12 || n > 14 {
			t.Errorf("%d fetches in an hour, want 12 to 14", n)
		}
		if len(reloads) != len(asked) || slices.ContainsFunc(reloads, func(err error) bool { return err != nil }) {
			t.Errorf("OnReload got %v, want nil for each of %d fetches", reloads, len(asked))
		}
	})
}

// TestRun_afterLoad does not fetch again what has just been loaded.
func TestRun_afterLoad(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		load(t, k, "")
		run()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := len(s.asked()); n != 1 {
			t.Fatalf("%d fetches, want 1", n)
		}
	})
}

// TestRun_storm sends 10,000 unknown kids: one fetch for each minimum interval, and every
// answer at once.
func TestRun_storm(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		run()
		synctest.Wait()
		v := verifierOf(t, k)
		began := time.Now()
		storm := func() {
			for i := range 10000 {
				_, err := v.Verify(unknown(i), testNow)
				if CodeOf(err) != decision.TokenKeyUnknown {
					t.Fatalf("Verify = %v, want %s", err, decision.TokenKeyUnknown)
				}
			}
		}
		storm()
		if !time.Now().Equal(began) {
			t.Fatal("Verify waited")
		}
		synctest.Wait()
		if n := len(s.asked()); n != 1 {
			t.Fatalf("%d fetches right after the storm, want the first one only", n)
		}
		time.Sleep(DefaultMinInterval + time.Millisecond)
		synctest.Wait()
		if n := len(s.asked()); n != 2 {
			t.Fatalf("%d fetches one interval after the storm, want 2", n)
		}
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := len(s.asked()); n != 2 {
			t.Fatalf("%d fetches long after the storm, want 2", n)
		}
		// A storm that goes on.
		for range 600 {
			for i := range 20 {
				_, _ = v.Verify(unknown(i), testNow)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		asked := s.asked()
		for i := 2; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < DefaultMinInterval {
				t.Errorf("fetch %d came %v after the last, want at least %v", i, gap, DefaultMinInterval)
			}
		}
		if n := len(asked) - 2; n < 19 || n > 21 {
			t.Errorf("%d fetches in ten minutes of storm, want about one for each interval", n)
		}
	})
}

// TestRun_rotation picks up a new key within the minimum interval of the first token that
// names it, and drops the old one.
func TestRun_rotation(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		run()
		synctest.Wait()
		v := verifierOf(t, k)
		one := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
		two := sign(t, "RS256", rsaTwo(), `{"alg":"RS256","kid":"two"}`, goodClaims)
		claims, err := v.Verify(one, testNow)
		wantCode(t, "Verify before the rotation", err, "")

		time.Sleep(time.Minute)
		s.set(true, named(rsaTwo().Public(), "two"))
		_, err = v.Verify(two, testNow)
		wantCode(t, "Verify of the first token with the new key", err, decision.TokenKeyUnknown)
		synctest.Wait() // the last fetch is long ago, so the next starts at once
		_, err = v.Verify(two, testNow)
		wantCode(t, "Verify after the fetch", err, "")
		_, err = v.Verify(one, testNow)
		wantCode(t, "Verify with the withdrawn key", err, decision.TokenKeyUnknown)
		if claims.Current() {
			t.Error("Current = true for a withdrawn key, want false")
		}
	})
}

// TestRun_noKID does not fetch for tokens that no set could serve.
func TestRun_noKID(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		run()
		synctest.Wait()
		v := verifierOf(t, k)
		for _, raw := range []string{
			sign(t, "RS256", rsaOne(), `{"alg":"RS256"}`, goodClaims),
			sign(t, "RS256", rsaOne(), `{"alg":"HS256","kid":"x"}`, goodClaims),
			sign(t, "RS256", rsaTwo(), goodHeader, goodClaims),
			"x.y.z",
		} {
			if _, err := v.Verify(raw, testNow); err == nil {
				t.Fatalf("Verify(%.40q) = nil, want an error", raw)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(s.asked()); n != 1 {
			t.Fatalf("%d fetches, want 1", n)
		}
	})
}

// TestRun_downAtStart keeps trying, in growing steps, and picks the server up.
func TestRun_downAtStart(t *testing.T) {
	var failed int
	inBubble(t, Options{OnReload: func(err error) {
		if err != nil {
			failed++
		}
	}}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(false)
		load(t, k, "connection refused")
		run()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		asked := s.asked()
		if k.Ready() || failed != len(asked)-1 {
			t.Fatalf("ready %v with %d failures of %d, want not ready", k.Ready(), failed, len(asked)-1)
		}
		var last time.Duration
		for i := 1; i < len(asked); i++ {
			gap := asked[i].Sub(asked[i-1])
			if i == 1 && (gap < 900*time.Millisecond || gap > time.Second) {
				t.Errorf("the first retry came after %v, want about a second", gap)
			}
			if gap > DefaultMinInterval || gap < last/10*9 {
				t.Errorf("retry %d came after %v, the one before after %v: want growing steps up to %v", i, gap, last, DefaultMinInterval)
			}
			last = gap
		}
		if n := len(asked); n < 13 || n > 20 {
			t.Errorf("%d attempts in five minutes, want 13 to 20", n)
		}
		s.set(true, named(rsaOne().Public(), "one"))
		time.Sleep(DefaultMinInterval)
		synctest.Wait()
		if !k.Ready() || k.Status().LastError != "" {
			t.Fatalf("not ready after the server came up: %+v", k.Status())
		}
		before := len(s.asked())
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n := len(s.asked()) - before; n != 0 {
			t.Errorf("%d fetches in the three minutes after a good one, want none", n)
		}
	})
}

// TestRun_outage keeps the old set while the server is away, however long.
func TestRun_outage(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		s.set(true, named(rsaOne().Public(), "one"))
		run()
		synctest.Wait()
		v := verifierOf(t, k)
		raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
		claims, err := v.Verify(raw, testNow)
		wantCode(t, "Verify before the outage", err, "")
		s.set(false)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, err = v.Verify(raw, testNow)
		wantCode(t, "Verify in the outage", err, "")
		if !claims.Current() || k.Status().LastError == "" {
			t.Fatalf("current %v, status %+v: want the old set and an error", claims.Current(), k.Status())
		}
		s.set(true, named(rsaOne().Public(), "one"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if !claims.Current() || k.Status().LastError != "" {
			t.Fatalf("current %v, status %+v: want the same set again", claims.Current(), k.Status())
		}
	})
}

// TestRun_ends stops in the middle of a fetch that hangs.
func TestRun_ends(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *keyServer, k *Keys, run func()) {
		k.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		run()
		synctest.Wait()
	})
}
