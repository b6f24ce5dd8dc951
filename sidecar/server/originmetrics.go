package server

import "github.com/prometheus/client_golang/prometheus"

// originMetrics collects what was heard of the servers of bundles. A source's label is its
// URL, from the configuration and without what is secret in it.
type originMetrics struct{ s *Server }

var (
	descReached = prometheus.NewDesc("postern_source_reached_timestamp_seconds", "When the server of a bundle answered last; for one that has not since the start, when what was kept was fetched.", []string{"source"}, nil)
	descFetches = prometheus.NewDesc("postern_source_fetches_total", "Questions to the server of a bundle by result (ok, unchanged, error).", []string{"source", "result"}, nil)
	descFetched = prometheus.NewDesc("postern_source_bytes_total", "Bytes that the server of a bundle sent.", []string{"source"}, nil)
	descStale   = prometheus.NewDesc("postern_source_stale", "1 while the server of a bundle has been out of reach for longer than its max_age.", []string{"source"}, nil)
	descKept    = prometheus.NewDesc("postern_source_kept", "1 while what decides is not what the server of the bundle said last.", []string{"source"}, nil)
)

func (originMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReached, descFetches, descFetched, descStale, descKept} {
		ch <- d
	}
}

func (m originMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, o := range m.s.source.Status() {
		if o.Server == nil {
			continue
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, o.Name)
		}
		counter := func(d *prometheus.Desc, v uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{o.Name}, labels...)...)
		}
		gauge(descReached, float64(o.Reached.Unix()))
		counter(descFetches, o.Server.Fetches, "ok")
		counter(descFetches, o.Server.Unchanged, "unchanged")
		counter(descFetches, o.Server.Failures, "error")
		counter(descFetched, o.Server.Bytes)
		gauge(descStale, number(o.Stale))
		gauge(descKept, number(o.Kept))
	}
}

// number is 1 for what holds.
func number(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
