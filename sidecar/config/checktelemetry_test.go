package config

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each line is added to a file that is good without it.
func TestLoad_telemetry(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		_, err := load(t, minimalFile+"telemetry: {"+line+"}\n", nil, nil)
		for i := range want {
			want[i] = "postern.yaml:6:" + want[i]
		}
		wantMistakes(t, err, want...)
	}
	f("")
	f("traces: 'http://127.0.0.1:4318', metrics: 'https://otel.example/x/v1/metrics', sample: 1, interval: 5s")
	f("traces: 'grpcs://otel.example:4317', metrics: 'grpc://localhost:4317', token_file: t, tls: {ca: c, cert: p, key: k}")
	f("traces: 'http://otel.example:4318'")
	f("traces: 'otel.example:4318'", `21: telemetry.traces: "otel.example:4318" is no absolute URL`)
	f("traces: 'ftp://otel.example'", `21: telemetry.traces: "ftp://otel.example" has the wrong scheme: want https, grpcs, http, grpc`)
	f("traces: 'https://u:p@otel.example'", `21: telemetry.traces: "https://…@otel.example" must not carry a user or a password`)
	f("traces: 'https://otel.example?token=x'", `21: telemetry.traces: "https://otel.example?…" must not have a query`)
	f("traces: 'https://otel.example#x'", `21: telemetry.traces: "https://otel.example#x" must not have a fragment`)
	f("traces: 'grpc://otel.example'", `21: telemetry.traces: "grpc://otel.example" must have a port, such as :4317`)
	f("traces: 'grpc://otel.example:4317/v1/traces'", `21: telemetry.traces: "grpc://otel.example:4317/v1/traces" must not have a path: gRPC has none`)
	f("metrics: 'https://otel.example:0'", `22: telemetry.metrics: port "0" is not from 1 to 65535`)
	f("sample: 1.5", `21: telemetry.sample: "1.5" is no share: want a number from 0 to 1`)
	f("interval: 10ms", `23: telemetry.interval: 10ms is not from 1s to 24h0m0s`)
	f("tls: {cert: c}", "18: telemetry.tls.key: is missing beside cert")
	f("tls: {key: k}", "18: telemetry.tls.cert: is missing beside key")
	f("tls: {ca: 'https://x'}", `23: telemetry.tls.ca: "https://x" is a URL: a path is wanted`)
	// A token goes over no wire that others can read.
	const secret = "would send telemetry.token_file without TLS: want https or grpcs, or a receiver on loopback"
	f("token_file: t, traces: 'http://otel.example:4318'", `36: telemetry.traces: "http://otel.example:4318" `+secret)
	f("token_file: t, metrics: 'grpc://10.0.0.1:4317'", `37: telemetry.metrics: "grpc://10.0.0.1:4317" `+secret)
	f("token_file: t, traces: 'http://localhost.evil.example:4318'", `36: telemetry.traces: "http://localhost.evil.example:4318" `+secret)
	f("token_file: t, traces: 'http://[::1]:4318'")
}

func TestValidate_telemetry(t *testing.T) {
	f := func(change func(*Telemetry), want ...string) {
		t.Helper()
		c := mustLoad(t, "", nil, minimal)
		change(&c.Telemetry)
		wantMistakes(t, c.Validate(), want...)
	}
	f(func(*Telemetry) {})
	f(func(o *Telemetry) { o.Sample = Share(math.NaN()) }, "telemetry.sample: NaN is no share: want a number from 0 to 1")
	f(func(o *Telemetry) { o.Sample = -1 }, "telemetry.sample: -1 is no share: want a number from 0 to 1")
	f(func(o *Telemetry) { o.Interval = 0 }, "telemetry.interval: 0s is not from 1s to 24h0m0s")
	f(func(o *Telemetry) { o.Interval = 25 * time.Hour }, "telemetry.interval: 25h0m0s is not from 1s to 24h0m0s")
}

func TestWarnings_telemetry(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		var got []string
		for _, w := range mustLoad(t, minimalFile+"telemetry: {"+line+"}\n", nil, nil).Warnings() {
			if _, text, found := strings.Cut(w, ": telemetry."); found {
				got = append(got, text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	f("traces: 'https://otel.example', metrics: 'grpc://127.0.0.1:4317', sample: 0.5, interval: 5s, token_file: t, tls: {ca: c}")
	f("traces: 'http://otel.example:4318'", "traces: otel.example:4318 is sent routes, outcomes and reasons of decisions without TLS")
	f("metrics: 'grpc://otel.example:4317'", "metrics: otel.example:4317 is sent routes, outcomes and reasons of decisions without TLS")
	f("traces: 'http://127.0.0.1:4318', tls: {ca: c}", "tls: nothing is sent by https or grpcs; it has no effect")
	f("sample: 0.5, interval: 5s, token_file: t",
		"sample: telemetry.traces is not set; it has no effect",
		"interval: telemetry.metrics is not set; it has no effect",
		"token_file: telemetry.traces or telemetry.metrics is not set; it has no effect")
}
