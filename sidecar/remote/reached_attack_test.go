package remote

import (
	"net/http"
	"testing"
	"time"
)

// TestFetch_reached: what is no archive, or one that is not let in, is no sign of the server:
// whoever stands in its place could keep an old bundle from ever being too old.
func TestFetch_reached(t *testing.T) {
	var answer http.HandlerFunc
	at := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
	o := defaults(at.URL)
	clock := time.Unix(1_800_000_000, 0)
	o.Now = func() time.Time { return clock }
	s := newSource(t, o)
	answer = send(revision(t, "one"))
	mustFetch(t, s, revision(t, "one"))
	first := clock
	for _, next := range []http.HandlerFunc{
		send([]byte("no archive")), status(http.StatusNotModified), status(http.StatusNoContent), status(http.StatusPartialContent),
		send(archiveOf(t, map[string]string{".signatures.json": "{}", "model/data.json": "{}"})),
	} {
		clock = clock.Add(time.Hour)
		answer = next
		if err := s.Fetch(t.Context()); err == nil {
			t.Error("it is taken")
		}
		if got := s.Status(); !got.Reached.Equal(first) || got.Error == "" {
			t.Errorf("Status = %+v, want it reached at %s", got, first)
		}
		wantLatest(t, s, revision(t, "one"))
	}
}
