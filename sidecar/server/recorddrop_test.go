package server_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestRecord_dropsAll: where a bundle drops whatever it may, a log that failed is found to be
// well again, and what needs a record is given again.
func TestRecord_dropsAll(t *testing.T) {
	t.Parallel()
	var refuses atomic.Bool
	refuses.Store(true)
	taker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if refuses.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer taker.Close()
	dir := plain(t)
	write(t, dir, "log.rego", "package postern.log\n\nimport rego.v1\n\ndefault drop := true\n")
	s := start(t, standard(t, dir, "decision_log: {to: '"+taker.URL+"', required: true, upload: {min_delay: 1ms, max_delay: 10ms}}"))
	token := sign(t, nil)
	eventually(t, "the log fails", func() bool {
		s.ask(token, question)
		return s.logStatus().Failing
	})
	if a := s.ask(token, question); a.Allow {
		t.Error("allowed without a log")
	}
	refuses.Store(false)
	eventually(t, "what needs a record is given again", func() bool { return s.ask(token, question).Allow })
	if s.logStatus().Failing {
		t.Error("the log fails")
	}
}
