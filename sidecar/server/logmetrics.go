package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"postern/sidecar/audit"
)

// logState collects how the decision log does at the moment of the scrape.
type logState struct{ s *Server }

var (
	descLost       = prometheus.NewDesc("postern_decision_log_lost_total", "Decision log records that were lost, by cause: no room in the buffer, or not written or uploaded until the end.", []string{"cause"}, nil)
	descLogRecords = prometheus.NewDesc("postern_decision_log_records_total", "Decision log records by outcome: written, reduced to little where their mask failed, dropped by the bundle, or sampled out.", []string{"outcome"}, nil)
	descLogBytes   = prometheus.NewDesc("postern_decision_log_buffer_bytes", "Room that records take which wait to be written, roughly.", nil, nil)
	descLogFailing = prometheus.NewDesc("postern_decision_log_failing", "1 while what was logged last cannot be written or uploaded.", nil, nil)
	descUploads    = prometheus.NewDesc("postern_decision_log_uploads_total", "Uploads of the decision log by result (ok, error).", []string{"result"}, nil)
)

func (c logState) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLost, descLogRecords, descLogBytes, descLogFailing, descUploads} {
		ch <- d
	}
}

func (c logState) Collect(ch chan<- prometheus.Metric) {
	status := c.s.audit.Status()
	counters := func(d *prometheus.Desc, labels []string, values map[string]uint64) {
		for _, label := range labels {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(values[label]), label)
		}
	}
	counters(descLost, audit.Causes, status.Lost)
	counters(descLogRecords, audit.Outcomes, status.Records)
	counters(descUploads, []string{"ok", "error"}, status.Uploads)
	ch <- prometheus.MustNewConstMetric(descLogBytes, prometheus.GaugeValue, float64(status.QueuedBytes))
	ch <- prometheus.MustNewConstMetric(descLogFailing, prometheus.GaugeValue, number(status.Failing))
}
