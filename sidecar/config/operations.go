package config

import "time"

// Shadow is a bundle that decides nothing: a share of live questions is put to it as well,
// and where it would have decided otherwise, metrics and the decision log say so.
type Shadow struct {
	// Bundles are its bundles; without any, there is no shadow.
	Bundles Bundles `key:"bundles"`
	// Sample is the share of decisions that is put to it.
	Sample Share `key:"sample"`
	// Deadline is how long an evaluation of it may take.
	Deadline time.Duration `key:"deadline"`
}

// Telemetry is where traces and metrics are sent, with the OpenTelemetry protocol. Metrics
// can be scraped from the admin listener in any case.
type Telemetry struct {
	// Traces is the URL that takes traces: http(s):// for OTLP over HTTP, grpc(s):// for OTLP over gRPC; empty, none are made.
	Traces string `key:"traces"`
	// Metrics is the URL that takes metrics, as Traces is; empty, none are sent.
	Metrics string `key:"metrics"`
	// Sample is the share of requests that is traced where the caller has not chosen.
	Sample Share `key:"sample"`
	// Interval is the time between two reports of metrics.
	Interval time.Duration `key:"interval"`
	// TokenFile is the path of the bearer token that the server wants; it is read at each request.
	TokenFile string `key:"token_file"`
	// TLS is how the server is told from others, and what it is shown.
	TLS ClientTLS `key:"tls"`
}
