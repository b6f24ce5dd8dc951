package proxies

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEnvoy_bodies: bodies are handed on to policies where Envoy is told so, and a rule that
// reads one denies what it cannot read whole.
func TestEnvoy_bodies(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/", public: true}]`)
	write(t, dir, "extend.rego", "package postern.extend\n\ndeny contains \"too much\" if input.request.body.amount > 100\n")
	small, large := `{"amount": 7}`, `{"amount": 700}`
	long := `{"amount": 7}` + strings.Repeat(" ", 3000) // whose beginning is JSON too
	f := func(t *testing.T, s *scene, want int, body string) {
		t.Helper()
		for framing, reader := range map[string]io.Reader{"length": strings.NewReader(body), "chunked": io.MultiReader(strings.NewReader(body))} {
			a, err := s.try(s.client, "POST", "/pay", reader, "Content-Type", "application/json")
			if err != nil || a.Code != want || want == http.StatusOK && a.Length != len(body) {
				t.Errorf("%s of %d bytes, %.20q: %d and %d bytes arrive, want %d: %v", framing, len(body), body, a.Code, a.Length, want, err)
			}
		}
	}
	eachDoor(t, func(t *testing.T, name string) {
		t.Run("whole", func(t *testing.T) {
			s := play(t, envoy(name, withBody("max_request_bytes: 2048")...), setting{bundle: dir})
			f(t, s, 200, small)
			f(t, s, 403, large)
			f(t, s, 413, long)
			f(t, s, 400, `{"amount": 7`)
			f(t, s, 400, `{"amount": 7, "amount": 700}`)
			s.expect(200, "GET", "/pay")
		})
		t.Run("partial", func(t *testing.T) {
			s := play(t, envoy(name, withBody("max_request_bytes: 2048, allow_partial_message: true")...), setting{bundle: dir})
			f(t, s, 200, small)
			f(t, s, 403, large)
			f(t, s, 400, long)
			// What a client says of it counts for nothing.
			for _, claim := range []string{"false", "true"} {
				a := s.do("POST", "/pay", long, "Content-Type", "application/json", "X-Envoy-Auth-Partial-Body", claim)
				if a.Code != 400 {
					t.Errorf("X-Envoy-Auth-Partial-Body: %s from the client: %d, want 400", claim, a.Code)
				}
			}
		})
		t.Run("bytes", func(t *testing.T) {
			s := play(t, envoy(name, withBody("max_request_bytes: 2048, pack_as_bytes: true")...), setting{bundle: dir})
			f(t, s, 200, small)
			f(t, s, 403, large)
			f(t, s, 400, "{\"amount\": \"\xff\"}")
		})
		t.Run("too large to be read", func(t *testing.T) {
			// Envoy sends more than Postern takes, which is a denial, and no error to let through.
			s := play(t, envoy(name, failOpen[0], failOpen[1]+"\n                      with_request_body: {max_request_bytes: 16777216}"), setting{bundle: dir})
			const size = 9 << 20
			want := 400
			if name == "envoy-http" {
				want = 413
			}
			a, err := s.try(s.client, "POST", "/pay", strings.NewReader(strings.Repeat("x", size)))
			if err != nil || a.Code != want || a.Echoed {
				t.Errorf("%d bytes: %d, want %d: %v", size, a.Code, want, err)
			}
		})
	})
}
