package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"postern/sidecar/audit"
	"postern/sidecar/certificate"
	"postern/sidecar/client"
	"postern/sidecar/origin"
	"postern/sidecar/policy"
	"postern/sidecar/token"
)

// A Readiness says whether decisions are answered, and what is missing.
type Readiness struct {
	Ready     bool `json:"ready"`
	Listeners bool `json:"listeners"`
	Bundle    bool `json:"bundle"`
	// Sources is false while the server of a bundle has been out of reach for longer than its
	// max_age, where that is more than a warning.
	Sources bool `json:"sources"`
	// Evaluations is false while so many evaluations run on past their deadline that new
	// ones are refused.
	Evaluations bool            `json:"evaluations"`
	Keys        map[string]bool `json:"keys"` // by issuer
}

// readiness: the listeners are bound, a good bundle was loaded once and can be evaluated, its
// servers are not out of reach for too long,
// every issuer has usable keys, and no drain has begun. A reload that fails changes none of it.
func (s *Server) readiness() Readiness {
	r := Readiness{
		Listeners: s.listening.Load(),
		Bundle:    s.current.Load() != nil,
		Sources:   !s.stale.notReady.Load(),
		Keys:      map[string]bool{},
	}
	if snap := s.current.Load(); snap != nil {
		r.Evaluations = !snap.bound.Full()
	}
	r.Ready = r.Listeners && r.Bundle && r.Sources && r.Evaluations
	for name, i := range s.issuers {
		r.Keys[name] = i.keys.Ready()
		r.Ready = r.Ready && r.Keys[name]
	}
	return r
}

// Status is the answer to GET /v1/status: what is looked for first is first, and what is long
// is last.
type Status struct {
	Version   string    `json:"version"`
	Readiness Readiness `json:"readiness"`
	// Revision and Digest are those of Bundle, empty where there is none.
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
	// Origins are the sources one by one, with what their servers said.
	Origins []origin.Status `json:"origins,omitempty"`
	Reload  *reload         `json:"last_reload"`
	// DecisionLog is how the decision log does.
	DecisionLog audit.Status      `json:"decision_log"`
	Listeners   map[string]string `json:"listeners"`
	Sources     []string          `json:"sources"`
	Issuers     []IssuerStatus    `json:"issuers"`
	// TLS are the certificates of the listeners that speak it, by listener, and Clients the
	// tokens of those who may ask about others.
	TLS     map[string]certificate.Status `json:"tls,omitempty"`
	Clients *client.Status                `json:"clients,omitempty"`
	Bundle  *BundleStatus                 `json:"bundle"`
	// Shadow is the bundle that decides nothing and is compared with what does.
	Shadow *ShadowStatus `json:"shadow,omitempty"`
}

// BundleStatus is the bundle that decides.
type BundleStatus struct {
	Revision string       `json:"revision"`
	Digest   string       `json:"digest"`
	LoadedAt time.Time    `json:"loaded_at"`
	Warnings []string     `json:"warnings"`
	Files    []FileStatus `json:"files"`
	// Entrypoints are what decides, and what decisions are shared by.
	Entrypoints []EntrypointStatus `json:"entrypoints"`
}

// EntrypointStatus is a rule that is asked and the paths of its input that it reads; why
// says why its decisions are not shared. The command explain-memo has the places as well.
type EntrypointStatus struct {
	Entrypoint string   `json:"entrypoint"`
	Rule       string   `json:"rule"`
	Shared     bool     `json:"shared"`
	Why        []string `json:"why"`
	Reads      []string `json:"reads"`
}

// FileStatus is one file of the bundle.
type FileStatus struct {
	Path string `json:"path"`
	Size int    `json:"size"` // bytes
}

// IssuerStatus is one issuer and its keys.
type IssuerStatus struct {
	Issuer string          `json:"issuer"`
	Keys   token.KeyStatus `json:"keys"`
}

func (s *Server) status() Status {
	st := Status{
		Version:   s.version,
		Readiness: s.readiness(),
		Listeners: s.Addresses(),
		Sources:   s.source.Names(),
		Origins:   s.source.Status(),
		Reload:    s.reload.Load(),
		Issuers:   []IssuerStatus{},

		DecisionLog: s.audit.Status(),
	}
	if snap := s.current.Load(); snap != nil {
		st.Bundle, st.Revision, st.Digest = snap.status(), snap.bundle.Revision, snap.bundle.Digest
	}
	st.Shadow = s.shadow.status()
	if len(s.identities) > 0 {
		st.TLS = map[string]certificate.Status{}
	}
	for listener, i := range s.identities {
		st.TLS[listener] = i.Status()
	}
	if s.clientTokens != nil {
		tokens := s.clientTokens.Status()
		st.Clients = &tokens
	}
	for _, ic := range s.config.Issuers.List {
		st.Issuers = append(st.Issuers, IssuerStatus{Issuer: ic.Issuer, Keys: s.issuers[ic.Issuer].keys.Status()})
	}
	return st
}

func (snap *snapshot) status() *BundleStatus {
	st := &BundleStatus{
		Revision:    snap.bundle.Revision,
		Digest:      snap.bundle.Digest,
		LoadedAt:    snap.loadedAt,
		Files:       []FileStatus{},
		Warnings:    append([]string{}, snap.bundle.Warnings...),
		Entrypoints: entrypoints(snap.policy),
	}
	for _, f := range snap.bundle.Files {
		st.Files = append(st.Files, FileStatus(f))
	}
	return st
}

func entrypoints(p *policy.Policy) []EntrypointStatus {
	var all []EntrypointStatus
	for _, f := range p.Footprints() {
		e := EntrypointStatus{Entrypoint: f.Entrypoint, Rule: f.Rule, Shared: f.Shared, Why: f.Why, Reads: []string{}}
		for _, r := range f.Reads {
			e.Reads = append(e.Reads, r.Path)
		}
		all = append(all, e)
	}
	return all
}

// admin is what the admin listener serves. None of it is on the decision listener.
func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		r := s.readiness()
		code := http.StatusOK
		if !r.Ready {
			code = http.StatusServiceUnavailable
		}
		writeJSON(w, code, r)
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.status())
	})
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"result": s.config.Values()})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelError),
		EnableOpenMetrics: true, // which has exemplars
	}))
	if s.config.Admin.PProf {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// profileTimeout is how long a profile may take, which is made while it is written.
const profileTimeout = 2 * time.Minute

// adminWriteTimeout is how long an answer of the admin listener may take. A client that does
// not read would else keep its connection, and hold a drain up.
func (s *Server) adminWriteTimeout() time.Duration {
	if s.config.Admin.PProf {
		return profileTimeout
	}
	return writeTimeout
}

func writeJSON(w http.ResponseWriter, code int, value any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	// The client may have gone; there is nobody else to tell.
	_ = e.Encode(value)
}
