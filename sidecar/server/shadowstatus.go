package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"postern/sidecar/origin"
)

// ShadowStatus is the bundle that decides nothing.
type ShadowStatus struct {
	Sources []string `json:"sources"`
	// Origins are the sources one by one.
	Origins []origin.Status `json:"origins,omitempty"`
	Sample  float64         `json:"sample"`
	Reload  *reload         `json:"last_reload"`
	Bundle  *BundleStatus   `json:"bundle"`
}

func (s *shadow) status() *ShadowStatus {
	if s == nil {
		return nil
	}
	st := &ShadowStatus{Sources: s.source.Names(), Origins: s.source.Status(), Sample: s.share, Reload: s.reload.Load()}
	if snap := s.current.Load(); snap != nil {
		st.Bundle = snap.status()
	}
	return st
}

// shadowState collects what the shadow is at the moment of the scrape.
type shadowState struct{ s *shadow }

var (
	descShadow          = prometheus.NewDesc("postern_shadow_bundle_info", "1, labelled with the revision and digest of the shadow bundle.", []string{"revision", "digest"}, nil)
	descShadowAbandoned = prometheus.NewDesc("postern_shadow_abandoned_evaluations", "Evaluations of the shadow bundle which run on past their deadline.", nil, nil)
)

func (c shadowState) Describe(ch chan<- *prometheus.Desc) {
	ch <- descShadow
	ch <- descShadowAbandoned
}

func (c shadowState) Collect(ch chan<- prometheus.Metric) {
	if snap := c.s.current.Load(); snap != nil {
		ch <- prometheus.MustNewConstMetric(descShadow, prometheus.GaugeValue, 1, snap.bundle.Revision, snap.bundle.Digest)
		ch <- prometheus.MustNewConstMetric(descShadowAbandoned, prometheus.GaugeValue, float64(snap.bound.Running()))
	}
}
