package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// runaway is a bundle whose rule is asked for by {"context": {"slow": true}} and lasts
// until it is cancelled.
func runaway(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "slow.rego", `package postern.extend

deny contains "never" if {
	input.context.slow
	some i in numbers.range(1, 30000)
	some j in numbers.range(1, 30000)
	i * j == -1
}
`)
	return dir
}

const slow = `{"role":"org:admin","context":{"slow":true}}`

// denied checks that an answer is a denial for one code, with HTTP's own status.
func (a answer) denied(t testing.TB, what string, code int, reason string) {
	t.Helper()
	if a.Code != code || a.Allow || a.codes() != reason {
		t.Errorf("%s: %d %.300s, want %d and %s", what, a.Code, a.Body, code, reason)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", what, got)
	}
}

func TestLimits_body(t *testing.T) {
	s := start(t, standard(t, plain(t), "limits: {body: 1KiB}"))
	good := sign(t, nil)
	padded := func(n int) string {
		const question = `{"role":"org:admin"}`
		return question + strings.Repeat(" ", n-len(question))
	}
	if a := s.ask(good, padded(1024)); a.Code != 200 || !a.Allow {
		t.Errorf("at the limit: %d %s", a.Code, a.Body)
	}
	s.ask(good, padded(1025)).denied(t, "one byte over", 413, "request_malformed")
	for range 20 { // an answer that a reset connection swallows is seen only sometimes
		s.ask(good, padded(300_000)).denied(t, "far over", 413, "request_malformed")
	}
	if a := s.ask(good, `{"role":"org:admin"}`); !a.Allow {
		t.Errorf("afterwards: %d %s", a.Code, a.Body)
	}
}

func TestLimits_header(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	ask := func(headers ...string) answer {
		t.Helper()
		return s.do("POST", "/v1/check", `{"role":"org:admin"}`, append([]string{"Authorization", "Bearer " + good}, headers...)...)
	}
	if a := ask("X-Long", strings.Repeat("a", 14<<10)); !a.Allow {
		t.Errorf("14 KiB: %d %s", a.Code, a.Body)
	}
	ask("X-Long", strings.Repeat("a", 16<<10)).denied(t, "16 KiB", 431, "request_malformed")
	ask("X-Long", strings.Repeat("a", 900<<10)).denied(t, "900 KiB", 431, "request_malformed")
	var many []string
	for i := range 230 {
		many = append(many, fmt.Sprintf("X-%d", i), "v")
	}
	if a := ask(many...); !a.Allow {
		t.Errorf("230 headers: %d %s", a.Code, a.Body)
	}
	for i := range 50 {
		many = append(many, fmt.Sprintf("Y-%d", i), "v")
	}
	ask(many...).denied(t, "280 headers", 431, "request_malformed")
	cookies := strings.Repeat("a=b; ", 230)
	if a := ask("Cookie", cookies); !a.Allow {
		t.Errorf("230 cookies: %d %s", a.Code, a.Body)
	}
	ask("Cookie", cookies+cookies).denied(t, "460 cookies", 431, "request_malformed")
}

// TestLimits_token: a token that is too long is a bad one, whatever room headers have.
func TestLimits_token(t *testing.T) {
	s := start(t, standard(t, plain(t), "limits: {token: 1KiB}"))
	s.ask(sign(t, map[string]any{"long": strings.Repeat("a", 1024)}), `{"role":"org:admin"}`).denied(t, "a token of 2 KiB", 200, "token_malformed")
}

// TestLimits_concurrency: what is over the limit is refused at once, not queued, and the
// next request is answered as ever.
func TestLimits_concurrency(t *testing.T) {
	s := startBusy(t, standard(t, plain(t), "limits: {concurrency: 1}"))
	good := sign(t, nil)
	if a := s.ask(good, `{"role":"org:admin"}`); !a.Allow {
		t.Fatalf("before: %d %s", a.Code, a.Body)
	}
	first := make(chan answer)
	s.occupy(func() {
		a, err := s.try("POST", "/v1/check", `{"role":"org:admin"}`, "Authorization", "Bearer "+good)
		if err != nil {
			t.Error(err)
		}
		first <- a
	})
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			a, err := s.try("POST", "/v1/check", `{"role":"org:admin"}`, "Authorization", "Bearer "+good)
			if err != nil {
				t.Error(err)
			}
			a.denied(t, "check over the limit", 200, "overloaded")
			if a.Status != 503 {
				t.Errorf("check over the limit: status %d, want 503", a.Status)
			}
			if a, err = s.try("GET", "/v1/session", "", "Authorization", "Bearer "+good); err != nil {
				t.Error(err)
			}
			a.denied(t, "session over the limit", 503, "overloaded")
			if a, err = s.try("POST", "/v1/checks", `{"checks":[{}]}`, "Authorization", "Bearer "+good); err != nil {
				t.Error(err)
			}
			a.denied(t, "checks over the limit", 200, "overloaded")
		})
	}
	others.Wait()
	s.release()
	if a := <-first; !a.Allow {
		t.Errorf("the request that was under way: %d %s", a.Code, a.Body)
	}
	if a := s.ask(good, `{"role":"org:admin"}`); !a.Allow {
		t.Errorf("after: %d %s", a.Code, a.Body)
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	for _, want := range []string{
		`postern_denial_reasons_total{door="check",reason="overloaded"} 20`,
		`postern_denial_reasons_total{door="checks",reason="overloaded"} 20`,
		`postern_denial_reasons_total{door="session",reason="overloaded"} 20`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestLimits_storm: a crowd far over the limit is answered, each with an allow or a
// denial of ours, and none with fasthttp's own text.
func TestLimits_storm(t *testing.T) {
	s := start(t, standard(t, plain(t), "limits: {concurrency: 2}"))
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 500
	good := sign(t, nil)
	var crowd sync.WaitGroup
	for range 500 {
		crowd.Go(func() {
			for range 4 {
				a, err := s.try("POST", "/v1/check", `{"role":"org:admin"}`, "Authorization", "Bearer "+good)
				if err != nil || a.Code != 200 || !a.Allow && a.codes() != "overloaded" {
					t.Errorf("%d %s %v", a.Code, a.Body, err)
					return
				}
			}
		})
	}
	crowd.Wait()
}

func TestLimits_deadline(t *testing.T) {
	s := start(t, standard(t, runaway(t), "policy: {deadline: 50ms}"))
	good := sign(t, nil)
	began := time.Now()
	a := s.ask(good, slow)
	a.denied(t, "a slow policy", 200, "policy_timeout")
	if a.Status != 403 {
		t.Errorf("status %d, want 403", a.Status)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the answer took %v with a deadline of 50ms", took)
	}
	// A batch has ten deadlines, and then the rest of it is denied without a wait.
	began = time.Now()
	a = s.do("POST", "/v1/checks", `{"checks":[`+strings.TrimSuffix(strings.Repeat(slow+",", 100), ",")+`]}`, "Authorization", "Bearer "+good)
	if a.Code != 200 || len(a.Results) != 100 {
		t.Fatalf("batch: %d, %d results, want 100", a.Code, len(a.Results))
	}
	for i, d := range a.Results {
		if d.Allow || len(d.Reasons) != 1 || d.Reasons[0].Code != "policy_timeout" && d.Reasons[0].Code != "overloaded" {
			t.Errorf("item %d of a slow batch: %+v", i, d)
		}
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("a batch took %v, want ten deadlines of 50ms", took)
	}
}

// TestLimits_abandoned: evaluations that cannot be cancelled are bounded; beyond the
// bound the answer is a denial at once, and when they end all is as before.
func TestLimits_abandoned(t *testing.T) {
	dir := t.TempDir()
	length := 2 << 20
	if raced {
		length /= 8
	}
	write(t, dir, "long/data.json", `{"text": "`+strings.Repeat("a", length)+`"}`)
	write(t, dir, "stuck.rego", `package postern.extend

deny contains "never" if {
	input.context.slow
	regex.match("^(a|aa|aaa|aaaa|aaaaa|aaaaaa|aaaaaaa)*b$", data.long.text)
}
`)
	c := standard(t, dir)
	c.Policy.Deadline = 20 * time.Millisecond
	s := start(t, c)
	good := sign(t, nil)
	reached := false
	for range 10 {
		var crowd sync.WaitGroup
		for range 9 {
			crowd.Go(func() {
				a, err := s.try("POST", "/v1/check", slow, "Authorization", "Bearer "+good)
				if err != nil || a.Code != 200 || a.Allow || a.codes() != "policy_timeout" && a.codes() != "overloaded" {
					t.Errorf("a stuck policy: %d %s %v", a.Code, a.Body, err)
				}
			})
		}
		crowd.Wait()
		if a := s.ask(good, slow); a.codes() == "overloaded" {
			reached = true
			break
		}
	}
	if !reached {
		t.Error("the bound was never reached")
	}
	if a := s.do("GET", "/v1/session", "", "Authorization", "Bearer "+good); a.Code != 200 {
		a.denied(t, "a session beyond the bound", 503, "overloaded")
	}
	eventually(t, "the stuck evaluations have ended", func() bool {
		return strings.Contains(s.do("GET", "admin:/metrics", "").Body, "postern_abandoned_evaluations 0")
	})
	eventually(t, "questions are answered again", func() bool { return s.ask(good, `{"role":"org:admin"}`).Allow })
}
