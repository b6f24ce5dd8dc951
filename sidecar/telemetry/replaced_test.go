package telemetry

import (
	"crypto/tls"
	"testing"
	"time"

	"postern/testdata/collector"
	"postern/testdata/harness"
)

// TestOpen_replacedAuthorities: a receiver whose certificate comes of another authority than
// the file had at the start is trusted once the file has that, without a restart.
func TestOpen_replacedAuthorities(t *testing.T) {
	t.Parallel()
	before, after := harness.NewAuthority(t, "before"), harness.NewAuthority(t, "after")
	for _, protocol := range []string{"http", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c := collector.Start(t, &tls.Config{Certificates: []tls.Certificate{after.Server(t).TLS}, NextProtos: []string{"h2", "http/1.1"}})
			url := endpoints(c, true)[protocol]
			dir := t.TempDir()
			o := Options{Traces: url, Metrics: url, CA: harness.Write(t, dir, "ca.pem", before.PEM), Interval: 100 * time.Millisecond, pace: brisk}
			tel := open(t, o)
			decide(tel)
			harness.Eventually(t, "the receiver is not trusted", func() bool { return tel.Lost()[Traces] == 1 && tel.Lost()[Metrics] > 0 })
			if len(c.Spans())+len(c.Reports()) != 0 {
				t.Fatal("a receiver that the file does not vouch for was sent something")
			}
			harness.Write(t, dir, "ca.pem", after.PEM)
			harness.Eventually(t, "the receiver is trusted", func() bool {
				decide(tel)
				return len(c.Spans()) > 0 && len(c.Reports()) > 0
			})
		})
	}
}
