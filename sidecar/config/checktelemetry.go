package config

import (
	"fmt"
	"math"
	"net/url"
	"time"

	"postern/sidecar/outbound"
)

// The schemes of OTLP: over HTTP, and over gRPC.
var (
	telemetryPlain   = []string{"http", "grpc"}
	telemetrySchemes = append([]string{"https", "grpcs"}, telemetryPlain...)
)

// telemetry checks where traces and metrics are sent, and with what.
func (k checker) telemetry() {
	t := k.Telemetry
	k.optional("telemetry.traces", t.Traces, checkReceiver)
	k.optional("telemetry.metrics", t.Metrics, checkReceiver)
	if t.Sample < 0 || t.Sample > 1 || math.IsNaN(float64(t.Sample)) {
		k.wrong("telemetry.sample", "%v is no share: want a number from 0 to 1", float64(t.Sample))
	}
	if least, most := time.Second, 24*time.Hour; t.Interval < least || t.Interval > most {
		k.wrong("telemetry.interval", "%s is not from %s to %s", t.Interval, least, most)
	}
	k.optional("telemetry.token_file", t.TokenFile, checkPath)
	k.clientTLS("telemetry.tls", t.TLS)
	for _, r := range t.receivers() {
		if u := plainReceiver(r.url); u != nil && t.TokenFile != "" && !outbound.Loopback(u.Hostname()) {
			k.wrong(r.key, "%s would send telemetry.token_file without TLS: want https or grpcs, or a receiver on loopback", show(r.url))
		}
	}
}

type receiver struct{ key, url string }

// receivers are where something is sent.
func (t Telemetry) receivers() (all []receiver) {
	for _, r := range []receiver{{"telemetry.traces", t.Traces}, {"telemetry.metrics", t.Metrics}} {
		if r.url != "" {
			all = append(all, r)
		}
	}
	return all
}

// plainReceiver is a receiver's URL where it is one without TLS, else nil.
func plainReceiver(text string) *url.URL {
	u, err := checkURL(text, telemetryPlain...)
	if err != nil {
		return nil
	}
	return u
}

// checkReceiver wants what OTLP can be sent to.
func checkReceiver(text string) error {
	u, err := checkURL(text, telemetrySchemes...)
	switch {
	case err != nil:
		return err
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("%s must not have a query", show(text))
	case (u.Scheme == "grpc" || u.Scheme == "grpcs") && u.Path != "" && u.Path != "/":
		return fmt.Errorf("%s must not have a path: gRPC has none", show(text))
	case (u.Scheme == "grpc" || u.Scheme == "grpcs") && u.Port() == "":
		return fmt.Errorf("%s must have a port, such as :4317", show(text))
	}
	return nil
}

// warnTelemetry is about what others can read, and about what has no effect.
func (c *Config) warnTelemetry(warn func(string, string, ...any)) {
	t := c.Telemetry
	secure := false
	for _, r := range t.receivers() {
		u := plainReceiver(r.url)
		secure = secure || u == nil
		if u != nil && !outbound.Loopback(u.Hostname()) {
			warn(r.key, "%s is sent routes, outcomes and reasons of decisions without TLS", u.Host)
		}
	}
	if t.TLS != (ClientTLS{}) && !secure {
		warn("telemetry.tls", "nothing is sent by https or grpcs; it has no effect")
	}
	for _, of := range []struct {
		key, by string
		used    bool
	}{
		{"telemetry.sample", "telemetry.traces", t.Traces != ""},
		{"telemetry.interval", "telemetry.metrics", t.Metrics != ""},
		{"telemetry.token_file", "telemetry.traces or telemetry.metrics", t.Traces != "" || t.Metrics != ""},
	} {
		if _, said := c.places[of.key]; said && !of.used {
			warn(of.key, "%s is not set; it has no effect", of.by)
		}
	}
}
