package server

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// metrics are what /metrics shows. Label values come from closed sets, from the
// configuration or from the bundle, never from a request.
type metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	reasons   *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	reloads   *prometheus.CounterVec
	keyLoads  *prometheus.CounterVec

	certificates *prometheus.CounterVec
	handshakes   *prometheus.CounterVec
	tokens       *prometheus.CounterVec
	panics       prometheus.Counter

	byDoor map[decision.Door]*tally
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_decisions_total", Help: "Decisions by door and outcome (allow, deny, or other for a document that decides nothing and for what a search found).",
		}, []string{"door", "outcome"}),
		reasons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_denial_reasons_total", Help: "Reasons of denials by door; a denial counts once for each of its codes.",
		}, []string{"door", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "postern_decision_duration_seconds", Help: "Time to decide, from the parsed question.",
			Buckets: prometheus.ExponentialBuckets(5e-6, 2.5, 14),
		}, []string{"door"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_bundle_reloads_total", Help: "Bundle loads by result (ok, error).",
		}, []string{"result"}),
		keyLoads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_key_reloads_total", Help: "Key set loads by issuer and result (ok, error).",
		}, []string{"issuer", "result"}),
		certificates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_tls_certificate_reloads_total", Help: "Loads of certificates that changed, or could not be loaded, by listener and result (ok, error).",
		}, []string{"listener", "result"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_tls_handshake_errors_total", Help: "TLS handshakes that failed, by listener.",
		}, []string{"listener"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_client_token_reloads_total", Help: "Loads of clients' tokens that changed, or could not be loaded, by result (ok, error).",
		}, []string{"result"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_panics_total", Help: "Requests that were denied because deciding them panicked.",
		}),
	}
	m.byDoor = m.tallies()
	m.registry.MustRegister(m.decisions, m.reasons, m.seconds, m.reloads, m.keyLoads, m.certificates, m.handshakes, m.tokens, m.panics,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		state{s}, originMetrics{s}, logState{s})
	for _, result := range []string{"ok", "error"} {
		m.reloads.WithLabelValues(result)
		for name := range s.issuers {
			m.keyLoads.WithLabelValues(name, result)
		}
	}
	for listener := range s.identities {
		m.handshakes.WithLabelValues(listener)
	}
	return m
}

// noDoor labels what no door has seen.
const noDoor decision.Door = "http"

// alerted are the reasons that alerts are about.
var alerted = []decision.Code{decision.NotReady, decision.Overloaded, decision.PolicyError, decision.PolicyTimeout}

// show has a door show from the start what alerts are about. To Prometheus the first value of
// a series is no increase: one that began with the first denial would hide it, and with it all
// that came before the next scrape.
func (m *metrics) show(doors ...decision.Door) {
	for _, door := range doors {
		t, ok := m.byDoor[door]
		if !ok {
			continue // it decides nothing
		}
		t.allow.get()
		t.deny.get()
		for _, code := range alerted {
			t.reasons[code].get()
		}
	}
}

// A tally is the metrics of one door, found once: to look a label up takes a lock. What a
// door never had, and no alert is about, is not shown until it has.
type tally struct {
	allow, deny, other lazy[prometheus.Counter]
	reasons            map[decision.Code]*lazy[prometheus.Counter]
	seconds            lazy[prometheus.Observer]
}

// A lazy metric is made when it is first used; to make it again gives the same.
type lazy[T any] struct {
	made atomic.Pointer[T]
	make func() T
}

func (l *lazy[T]) get() T {
	if made := l.made.Load(); made != nil {
		return *made
	}
	made := l.make()
	l.made.Store(&made)
	return made
}

// tallies are the metrics of every door.
func (m *metrics) tallies() map[decision.Door]*tally {
	all := map[decision.Door]*tally{}
	for _, door := range append(decision.Doors(), noDoor) {
		t := &tally{reasons: map[decision.Code]*lazy[prometheus.Counter]{}}
		t.allow.make = func() prometheus.Counter { return m.decisions.WithLabelValues(string(door), "allow") }
		t.deny.make = func() prometheus.Counter { return m.decisions.WithLabelValues(string(door), "deny") }
		t.other.make = func() prometheus.Counter { return m.decisions.WithLabelValues(string(door), "other") }
		t.seconds.make = func() prometheus.Observer { return m.seconds.WithLabelValues(string(door)) }
		for _, code := range decision.Codes() {
			t.reasons[code] = &lazy[prometheus.Counter]{make: func() prometheus.Counter {
				return m.reasons.WithLabelValues(string(door), string(code))
			}}
		}
		all[door] = t
	}
	return all
}

// tally is that of a door; a door that is none of them counts as no door.
func (m *metrics) tally(door decision.Door) *tally {
	if t, ok := m.byDoor[door]; ok {
		return t
	}
	return m.byDoor[noDoor]
}

// decided counts a decision and the time that it took.
// The exemplar is the decision's place in a trace, nil where it has none.
func (m *metrics) decided(door decision.Door, d decision.Decision, took time.Duration, exemplar prometheus.Labels) {
	m.counted(door, d)
	seconds := m.tally(door).seconds.get()
	if exemplar == nil {
		seconds.Observe(took.Seconds())
		return
	}
	seconds.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), exemplar)
}

// counted counts a decision that took no time.
func (m *metrics) counted(door decision.Door, d decision.Decision) {
	t := m.tally(door)
	if d.Allow {
		t.allow.get().Inc()
		return
	}
	if d.Status == neither.Status {
		t.other.get().Inc()
		return
	}
	t.deny.get().Inc()
	var last decision.Code
	for _, r := range d.Reasons { // sorted by code; all are of the closed set
		if r.Code != last {
			t.reasons[r.Code].get().Inc()
		}
		last = r.Code
	}
}

func (m *metrics) reloaded(err error) {
	m.reloads.WithLabelValues(result(err)).Inc()
}

func (m *metrics) keys(issuer string, err error) {
	m.keyLoads.WithLabelValues(issuer, result(err)).Inc()
}

func result(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// state collects what the server is at the moment of the scrape.
type state struct{ s *Server }

var (
	descReady     = prometheus.NewDesc("postern_ready", "1 when the server answers decisions: bundle, keys and listeners.", nil, nil)
	descBundle    = prometheus.NewDesc("postern_bundle_info", "1, labelled with the revision and digest that decide.", []string{"revision", "digest"}, nil)
	descLoaded    = prometheus.NewDesc("postern_bundle_loaded_timestamp_seconds", "When the bundle that decides was loaded.", nil, nil)
	descAge       = prometheus.NewDesc("postern_bundle_age_seconds", "Time since the bundle that decides was loaded.", nil, nil)
	descReloaded  = prometheus.NewDesc("postern_bundle_last_reload_successful", "1 where the last attempt to load a bundle was good; 0 where it was refused, or none was made.", nil, nil)
	descBuild     = prometheus.NewDesc("postern_build_info", "1, labelled with the versions of this program, of OPA's library and of Go.", []string{"version", "opa", "go"}, nil)
	descTelemetry = prometheus.NewDesc("postern_telemetry_lost_total", "Spans that were dropped or not taken, and reports of metrics that were not taken, by signal.", []string{"signal"}, nil)
	descInFlight  = prometheus.NewDesc("postern_requests_in_flight", "Requests that are being decided.", nil, nil)
	descAbandoned = prometheus.NewDesc("postern_abandoned_evaluations", "Evaluations of the bundle that decides which run on past their deadline.", nil, nil)
	descHits      = prometheus.NewDesc("postern_token_cache_hits_total", "Tokens that did not have to be verified again.", nil, nil)
	descMisses    = prometheus.NewDesc("postern_token_cache_misses_total", "Tokens that had to be verified.", nil, nil)
	descEvictions = prometheus.NewDesc("postern_token_cache_evictions_total", "Verified tokens that were dropped for want of room.", nil, nil)
	descBytes     = prometheus.NewDesc("postern_token_cache_bytes", "Room that verified tokens take, roughly.", nil, nil)
	descMemoHits  = prometheus.NewDesc("postern_decision_memo_hits_total", "Decisions that were remembered.", nil, nil)
	descMemoMiss  = prometheus.NewDesc("postern_decision_memo_misses_total", "Decisions that might have been remembered and were evaluated, or were of other data.", nil, nil)
	descMemoOut   = prometheus.NewDesc("postern_decision_memo_evictions_total", "Remembered decisions that were dropped for want of room.", nil, nil)
	descMemoBytes = prometheus.NewDesc("postern_decision_memo_bytes", "Room that remembered decisions take, roughly.", nil, nil)
	descKeys      = prometheus.NewDesc("postern_keys", "Usable keys by issuer.", []string{"issuer"}, nil)
	descKeysGood  = prometheus.NewDesc("postern_keys_last_reload_successful", "1 where the last attempt to load an issuer's keys was good; 0 where it failed, or none was made.", []string{"issuer"}, nil)
	descNotAfter  = prometheus.NewDesc("postern_tls_certificate_not_after_timestamp_seconds", "When the first certificate of a listener's chain expires.", []string{"listener"}, nil)
	descNotBefore = prometheus.NewDesc("postern_tls_certificate_not_before_timestamp_seconds", "Since when all of a listener's chain is good.", []string{"listener"}, nil)
)

// lastReloadGood is 1 where the last attempt to load a bundle was good.
func (s *Server) lastReloadGood() float64 {
	if last := s.reload.Load(); last.Error != "" || last.At.IsZero() {
		return 0
	}
	return 1
}

func (c state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descReady, descBundle, descLoaded, descAge, descReloaded, descBuild, descTelemetry, descInFlight, descAbandoned,
		descHits, descMisses, descEvictions, descBytes, descMemoHits, descMemoMiss, descMemoOut, descMemoBytes, descKeys, descKeysGood, descNotAfter, descNotBefore,
	} {
		ch <- d
	}
}

func (c state) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	gauge(descReady, number(c.s.readiness().Ready))
	if snap := c.s.current.Load(); snap != nil {
		gauge(descBundle, 1, snap.bundle.Revision, snap.bundle.Digest)
		gauge(descLoaded, float64(snap.loadedAt.Unix()))
		gauge(descAge, c.s.now().Sub(snap.loadedAt).Seconds())
		gauge(descAbandoned, float64(snap.bound.Running()))
	}
	gauge(descReloaded, c.s.lastReloadGood())
	gauge(descBuild, 1, c.s.version, policy.OPAVersion(), runtime.Version())
	for signal, lost := range c.s.telemetry.Lost() {
		ch <- prometheus.MustNewConstMetric(descTelemetry, prometheus.CounterValue, float64(lost), string(signal))
	}
	gauge(descInFlight, float64(c.s.inFlight.Load()))
	cache := c.s.tokens.Stats()
	counter(descHits, float64(cache.Hits))
	counter(descMisses, float64(cache.Misses))
	counter(descEvictions, float64(cache.Evictions))
	gauge(descBytes, float64(cache.Bytes))
	memo := c.s.memo.Stats()
	counter(descMemoHits, float64(memo.Hits))
	counter(descMemoMiss, float64(memo.Misses))
	counter(descMemoOut, float64(memo.Evictions))
	gauge(descMemoBytes, float64(memo.Bytes))
	for name, i := range c.s.issuers {
		keys := i.keys.Status()
		gauge(descKeys, float64(keys.Keys), name)
		gauge(descKeysGood, number(keys.LastError == "" && !keys.LoadedAt.IsZero()), name)
	}
	for listener, i := range c.s.identities {
		if status := i.Status(); !status.NotAfter.IsZero() {
			gauge(descNotAfter, float64(status.NotAfter.Unix()), listener)
			gauge(descNotBefore, float64(status.NotBefore.Unix()), listener)
		}
	}
}
