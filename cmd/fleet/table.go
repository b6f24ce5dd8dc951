package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"postern/cmd/bench/report"
)

// table is all that was measured, in Markdown.
func (o options) table(m report.Machine, rows []row) string {
	var b strings.Builder
	b.WriteString(m.Line())
	fmt.Fprintf(&b, "\n%d sidecars, polls every %v to %v, watched for %v each. All but the last column of start-up are medians.\n", o.sidecars, o.min, o.max, o.lasts)
	b.WriteString("\n| Bundle | Archive KiB | PSS MiB | RSS MiB | Heap MiB | RSS at most MiB | Threads | Idle processor s/hour | Ready after s | the slowest s |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s | %s | %.0f | %.1f | %.2f | %.2f |\n", r.name, float64(r.archive)/1024,
			mib(middle(r.held, func(h held) float64 { return h.pss })), mib(middle(r.held, func(h held) float64 { return h.rss })),
			mib(middle(r.held, func(h held) float64 { return h.heap })), mib(middle(r.after, func(h held) float64 { return h.peak })),
			middle(r.held, func(h held) float64 { return h.threads }), r.idle.Seconds(),
			quantile(r.ready, 0.5).Seconds(), quantile(r.ready, 1).Seconds())
	}
	b.WriteString("\n\"RSS at most\" includes the load of the second revision, for which both are held.\n")
	b.WriteString(shares(rows[0]))
	if o.source == fromURL {
		b.WriteString(o.server(rows))
	}
	b.WriteString(o.spread(rows))
	if o.source == fromURL {
		b.WriteString(extrapolated(rows))
	}
	return b.String()
}

// shares shows what one more sidecar costs on a machine that has some.
func shares(r row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| Sidecars on the machine (%s) | PSS MiB of each |\n| ---: | ---: |\n", r.name)
	for _, s := range r.shared {
		fmt.Fprintf(&b, "| %d | %s |\n", s.sidecars, mib(s.pss))
	}
	return b.String()
}

// server shows what the server saw, beside what the formula says.
func (o options) server(rows []row) string {
	var b strings.Builder
	want := float64(o.sidecars) / o.mean().Seconds()
	b.WriteString("\n| Bundle | Requests/s | N / mean poll | 304 | 200 | Bytes of a 304 | Bytes/s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range rows {
		unchanged := "–"
		if r.seen.notModified > 0 {
			unchanged = fmt.Sprintf("%d", r.seen.bytesUnchanged/r.seen.notModified)
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %d | %d | %s | %.0f |\n", r.name, float64(r.seen.requests)/r.lasted.Seconds(), want,
			r.seen.notModified, r.seen.whole, unchanged, float64(r.seen.bytes)/r.lasted.Seconds())
	}
	return b.String()
}

// spread shows how long a revision takes to reach the sidecars.
func (o options) spread(rows []row) string {
	var b strings.Builder
	b.WriteString("\n| Bundle | Half have a new revision after s | 90 % | 99 % | all |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f | %.2f |\n", r.name, quantile(r.reached, 0.5).Seconds(),
			quantile(r.reached, 0.9).Seconds(), quantile(r.reached, 0.99).Seconds(), quantile(r.reached, 1).Seconds())
	}
	if o.source == fromURL {
		fmt.Fprintf(&b, "| the formula, without the load | %.2f | %.2f | %.2f | %.2f |\n", o.foretold(0.5), o.foretold(0.9), o.foretold(0.99), o.foretold(1))
	}
	return b.String()
}

// foretold is after how many seconds the share q of many sidecars have polled, from a moment
// that has nothing to do with their polls. The time between two polls is drawn evenly from
// min to max, and what is left of one at any moment is at most r with the probability r/mean
// up to min, and from there on with 1-(max-r)²/(2·(max-min)·mean).
func (o options) foretold(q float64) float64 {
	least, most, mean := o.min.Seconds(), o.max.Seconds(), o.mean().Seconds()
	if q*mean <= least {
		return q * mean
	}
	return most - math.Sqrt(2*(1-q)*mean*(most-least))
}

// A fleet of the size and with the polls that the table extrapolates to.
var large = options{sidecars: 10_000, min: time.Minute, max: 2 * time.Minute}

// extrapolated is what the formulae make of what was measured, for more sidecars than one
// machine has.
func extrapolated(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nNot measured, but reckoned from the above for %d sidecars that poll every %v to %v: %.0f requests/s; half have a new\nrevision after %.0f s, 90 %% after %.0f s, 99 %% after %.0f s, all after %.0f s, and the load in each case.\n",
		large.sidecars, large.min, large.max, float64(large.sidecars)/large.mean().Seconds(),
		large.foretold(0.5), large.foretold(0.9), large.foretold(0.99), large.foretold(1))
	b.WriteString("\n| Bundle | KiB/s while nothing changes | MiB for each change | MiB/s at most then |\n| --- | ---: | ---: | ---: |\n")
	for _, r := range rows {
		if r.seen.requests == 0 {
			continue
		}
		rate := float64(large.sidecars) / large.mean().Seconds()
		change := float64(large.sidecars) * float64(r.archive)
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s |\n", r.name, rate*float64(r.seen.bytes)/float64(r.seen.requests)/1024, mib(change), mib(rate*float64(r.archive)))
	}
	return b.String()
}

// mean is the mean time between two polls, which is drawn evenly.
func (o options) mean() time.Duration { return (o.min + o.max) / 2 }

func mib(bytes float64) string { return fmt.Sprintf("%.1f", bytes/(1<<20)) }

// quantile is the least duration that the share q of all does not exceed.
func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
