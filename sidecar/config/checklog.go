package config

import (
	"errors"
	"math"
	"strings"
	"time"

	"postern/sidecar/outbound"
)

// decisionLog checks where decisions are logged, and how.
func (k checker) decisionLog() {
	l := k.DecisionLog
	const to = "decision_log.to"
	if isURL(l.To) {
		k.must(to, checkLogURL(l.To, l.Upload.TokenFile != ""))
	} else {
		k.optional(to, l.To, checkPath)
	}
	if l.Required && (l.To == None || l.To == "") {
		k.wrong("decision_log.required", "needs decision_log.to: nothing would be allowed")
	}
	for _, s := range []struct {
		key   string
		share Share
	}{{"allow", l.Sample.Allow}, {"deny", l.Sample.Deny}, {"other", l.Sample.Other}} {
		if !(s.share >= 0 && s.share <= 1) {
			k.wrong(join("decision_log.sample", s.key), "%v is no share: want a number from 0 to 1", float64(s.share))
		}
	}
	k.logBounds()
	k.optional("decision_log.upload.token_file", l.Upload.TokenFile, checkPath)
	k.clientTLS("decision_log.upload.tls", l.Upload.TLS)
	k.labels("decision_log.upload.labels", l.Upload.Labels)
}

func (k checker) logBounds() {
	l := k.DecisionLog
	const day = int64(24 * time.Hour)
	for _, b := range []struct {
		key            string
		value, low, to int64
		show           func(int64) string
	}{
		{"buffer", int64(l.Buffer), int64(64 * KiB), int64(GiB), asBytes},
		{"rotate.size", int64(l.Rotate.Size), 0, int64(1024 * GiB), asBytes},
		{"rotate.keep", int64(l.Rotate.Keep), 0, 100_000, asCount},
		{"rotate.age", int64(l.Rotate.Age), 0, math.MaxInt64, asDuration},
		{"upload.chunk", int64(l.Upload.Chunk), int64(KiB), int64(64 * MiB), asBytes},
		{"upload.min_delay", int64(l.Upload.MinDelay), int64(time.Millisecond), day, asDuration},
		{"upload.max_delay", int64(l.Upload.MaxDelay), int64(time.Millisecond), day, asDuration},
		{"upload.timeout", int64(l.Upload.Timeout), int64(time.Millisecond), day, asDuration},
	} {
		if b.value < b.low || b.value > b.to {
			k.wrong(join("decision_log", b.key), "%s is not from %s to %s", b.show(b.value), b.show(b.low), b.show(b.to))
		}
	}
	if size := l.Rotate.Size; size > 0 && size < 4*KiB {
		k.wrong("decision_log.rotate.size", "%s is less than 4KiB; 0 is never", size)
	}
	if l.Upload.MinDelay > l.Upload.MaxDelay && !k.blames("decision_log.upload.min_delay") {
		k.wrong("decision_log.upload.max_delay", "%s is less than min_delay, %s", l.Upload.MaxDelay, l.Upload.MinDelay)
	}
}

// checkLogURL refuses what would send a secret in the open.
func checkLogURL(text string, withToken bool) error {
	u, err := checkURL(text, "https", "http")
	if err != nil {
		return err
	}
	if withToken && u.Scheme == "http" && !outbound.Loopback(u.Hostname()) {
		return errors.New("would send the token of upload.token_file without TLS: want https")
	}
	return nil
}

// warnLog is about what of the decision log weakens it, or has no effect.
func (c *Config) warnLog(warn func(string, string, ...any)) {
	l := c.DecisionLog
	logs, uploads := l.To != None && l.To != "", isURL(l.To)
	file := logs && !uploads && l.To != "stdout" && l.To != "stderr"
	if uploads && strings.HasPrefix(l.To, "http:") {
		if u, err := checkURL(l.To, "http"); err == nil && !outbound.Loopback(u.Hostname()) {
			warn("decision_log.to", "who did what is sent in the open, without TLS")
		}
	}
	for _, part := range []struct {
		key string
		has bool
		why string
	}{
		{"decision_log.sample", logs, "decision_log.to is none"},
		{"decision_log.buffer", logs, "decision_log.to is none"},
		{"decision_log.rotate", file, "decision_log.to is no file"},
		{"decision_log.upload", uploads, "decision_log.to is no URL"},
	} {
		if _, said := c.places[part.key]; said && !part.has {
			warn(part.key, "%s; it has no effect", part.why)
		}
	}
}
