package proxies

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkLatency measures what asking Postern adds to a request through a proxy: one client
// on one connection, a request through the proxy that asks and one through the same proxy
// that does not, in turns. The session is warm and the route guarded. Times are in
// microseconds.
func BenchmarkLatency(b *testing.B) {
	const filter = "- name: envoy.filters.http.ext_authz\n"
	off := []string{filter, filter + "                    disabled: true\n"}
	for _, c := range []struct {
		name       string
		asks, idle proxy
	}{
		{"envoy-grpc", envoy("envoy-grpc"), envoy("envoy-grpc", off...)},
		{"envoy-http", envoy("envoy-http"), envoy("envoy-http", off...)},
		{"nginx", nginx(), nginx("auth_request /_postern;", "auth_request off;")},
	} {
		b.Run(c.name, func(b *testing.B) {
			asks, idle := play(b, c.asks, setting{process: true}), play(b, c.idle, setting{process: true})
			token := "Bearer " + sign(b, nil)
			timed := func(s *scene) time.Duration {
				r, err := http.NewRequest(http.MethodGet, "http://"+s.address+"/reports/7", nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Authorization", token)
				began := time.Now()
				res, err := s.client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
					b.Fatalf("%d, %v", res.StatusCode, err)
				}
				took := time.Since(began)
				_ = res.Body.Close() // it is read
				return took
			}
			for range 100 {
				timed(asks)
				timed(idle)
			}
			with, without := make([]time.Duration, b.N), make([]time.Duration, b.N)
			b.ResetTimer()
			for i := range b.N {
				with[i], without[i] = timed(asks), timed(idle)
			}
			b.StopTimer()
			slices.Sort(with)
			slices.Sort(without)
			for _, q := range []struct {
				name string
				part int
			}{{"p50", 50}, {"p99", 99}} {
				at := (b.N - 1) * q.part / 100
				µs := func(d time.Duration) float64 { return float64(d) / 1e3 }
				b.ReportMetric(µs(with[at]), q.name+"-with-µs")
				b.ReportMetric(µs(without[at]), q.name+"-without-µs")
				b.ReportMetric(µs(with[at]-without[at]), q.name+"-added-µs")
			}
		})
	}
}
