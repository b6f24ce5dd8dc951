// Package server is the process: listeners, limits, the snapshot that decides and its
// replacement, health, metrics, drain. It is the one place that sees all the others, and
// in it the way of a request reads from top to bottom: see check in decide.go.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc"

	"postern/sidecar/audit"
	"postern/sidecar/cache"
	"postern/sidecar/certificate"
	"postern/sidecar/client"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
	"postern/sidecar/telemetry"
	"postern/sidecar/token"
)

// Time-outs of the decision listener. A request arrives whole within readTimeout, or its
// connection is closed.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second
	idleTimeout  = 2 * time.Minute
	drainTimeout = 10 * time.Second
)

// abandonedEvaluations bounds the evaluations of one bundle that run on past their
// deadline. The next bundle begins with none, so that a better policy heals.
const abandonedEvaluations = 8

// Options are what a Server is made of. Config must be set.
type Options struct {
	Config  *config.Config
	Logger  *slog.Logger     // nil discards
	Version string           // shown in status
	Now     func() time.Time // the clock for tokens, revocations and decisions; nil is time.Now
	// Serving is called once with the bound addresses by listener, when decisions are
	// answered; nil is nothing.
	Serving func(addresses map[string]string)
	// CheckOnly makes a server for [Server.Check] alone, which writes no decision log.
	CheckOnly bool
}

// A Server answers decisions. Make it with [New], then [Server.Run] it once.
type Server struct {
	supply // of the policy that decides

	version string
	serving func(addresses map[string]string)

	verifier  *token.Verifier
	issuers   map[string]*issuer
	cookies   []string
	answers   response.Proxy
	access    access
	open      map[string]door // see doors
	identity  []string        // names of the headers that tell an upstream who it is
	tokens    *cache.Cache[verified]
	questions *request.Questions
	audit     *audit.Log
	metrics   *metrics
	telemetry *telemetry.Telemetry // nil where nothing is sent, and before Run
	tracer    *telemetry.Tracer    // nil where nothing is traced
	shadow    *shadow              // nil where there is none

	identities   map[string]*certificate.Identity // of the listeners that speak TLS, by name
	publicHost   string                           // by which local clients may mean this server
	clientTokens *client.Tokens                   // nil where clients bring none

	description description // what GET /openapi.json answers

	stale     staleness // see deciding
	listening atomic.Bool
	inFlight  atomic.Int64
	ended     chan struct{} // closed when a drain begins
	draining  time.Time     // when that was; for Run alone
	unpassed  []string      // what Check found of routes that nobody can pass

	keysTurn sync.Mutex // keeps loads of keys from overlapping

	credentialsTurn sync.Mutex // keeps loads of certificates and clients' tokens from overlapping

	mu        sync.Mutex // guards addresses
	addresses map[string]string
}

// New checks what can be checked without binding or reading anything but the decision
// log's file.
func New(o Options) (*Server, error) {
	s := &Server{
		supply:     supply{config: o.Config, log: o.Logger, now: o.Now},
		version:    o.Version,
		serving:    o.Serving,
		cookies:    cookies(o.Config),
		answers:    ProxyAnswers(o.Config),
		access:     newAccess(o.Config),
		publicHost: publicHost(o.Config),
		addresses:  map[string]string{},
		ended:      make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if len(o.Config.Clients.UnixUIDs) > 0 && !client.KnowsUsers {
		return nil, errors.New("clients.unix_uids: the users of Unix sockets are not known on this system")
	}
	if err := s.newSource(o); err != nil {
		return nil, err
	}
	s.reload.Store(&reload{})
	s.reloaded, s.warnings = func(err error) { s.metrics.reloaded(err) }, s.unlogged
	s.identity = s.answers.Identity.Names()
	if err := s.newParts(o.Config); err != nil {
		return nil, err
	}
	var err error
	s.verifier, s.issuers, err = issuers(o.Config, func(issuer string, err error) {
		s.metrics.keys(issuer, err)
		if err != nil {
			s.log.Error("keys not loaded", "issuer", issuer, "error", err)
		}
	})
	if err != nil {
		return nil, err
	}
	if !o.CheckOnly {
		if err = s.openLog(&o.Config.DecisionLog); err != nil {
			return nil, err
		}
	}
	s.identities = s.newIdentities(o.Config)
	if o.Config.Clients.TokensFile != "" {
		s.clientTokens = client.NewTokens(o.Config.Clients.TokensFile)
	}
	s.metrics = newMetrics(s)
	if s.shadow, err = s.newShadow(); err != nil {
		return nil, err
	}
	s.open = s.doors()
	for _, d := range s.open {
		s.metrics.show(d.name)
	}
	if o.Config.Doors.ExtAuthz {
		s.metrics.show(decision.DoorExtAuthzGRPC)
	}
	return s, nil
}

// newParts makes what requests are read and remembered with.
func (s *Server) newParts(c *config.Config) (err error) {
	if s.tokens, err = cache.New[verified](int(c.Cache.Tokens), nil); err != nil {
		return err
	}
	if s.memo, err = policy.NewMemo(int(c.Cache.Decisions)); err != nil {
		return err
	}
	if s.questions, err = request.NewQuestions(c.Limits.Batch); err != nil {
		return err
	}
	if s.description, err = describe(c); err != nil {
		return err
	}
	return nil
}

// Addresses are the bound addresses by listener, once [Server.Run] has bound them.
func (s *Server) Addresses() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.addresses))
	for name, address := range s.addresses {
		out[name] = address
	}
	return out
}

// Reload brings certificates, clients' tokens, all keys, those at URLs too, and the bundle up
// to date now, and opens the decision log's file anew.
func (s *Server) Reload(ctx context.Context) {
	s.audit.Reopen()
	// Reported as below.
	_ = s.loadCredentials()
	s.loadKeys(ctx, true)
	// Errors are in the log, in the metrics and in the status.
	_ = s.source.Fetch(ctx)
	_ = s.loadBundle(ctx)
	s.shadow.reloadNow(ctx)
}

// Run binds the listeners, loads bundle and keys, and serves until ctx ends; then it
// drains: requests that were taken are answered. It returns an error only where it could
// not begin, or a listener broke.
func (s *Server) Run(ctx context.Context) error {
	defer s.closeLog()
	if err := s.loadCredentials(); err != nil {
		return err
	}
	if err := s.openTelemetry(); err != nil {
		return err
	}
	bound, err := s.bind()
	if err != nil {
		s.closeTelemetry(ctx)
		return err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	s.loadKeys(ctx, false)
	s.fetchAtStart(ctx)
	_ = s.loadBundle(ctx) // reported as in Reload; the watch goes on trying
	s.age()

	broken := make(chan error, 8) // one for each helper that can break
	var helpers sync.WaitGroup
	s.follow(background, &helpers, broken)
	// What is bound queues whoever connects: who asks whether the server is ready is told so
	// from the first answer on.
	s.listening.Store(true)
	doors, envoy, admin := s.serve(bound, &helpers, broken)
	s.log.Info("serving", "addresses", s.Addresses())
	if s.serving != nil {
		s.serving(s.Addresses())
	}

	select {
	case <-ctx.Done():
		err = nil
	case err = <-broken:
	}
	s.drain(bound.http, doors, envoy, admin)
	stop()
	helpers.Wait()
	return err
}

// follow keeps all that is loaded up to date until ctx ends.
func (s *Server) follow(ctx context.Context, helpers *sync.WaitGroup, broken chan<- error) {
	for _, follow := range []func(context.Context) error{s.watchBundle, s.followServers, s.watchAges, s.watchKeys, s.watchCredentials} {
		helpers.Go(func() {
			if err := follow(ctx); err != nil {
				broken <- err
			}
		})
	}
	for _, i := range s.issuers {
		helpers.Go(func() { i.keys.Run(ctx) })
	}
	if s.shadow != nil {
		helpers.Go(func() { s.shadow.run(ctx) })
	}
}

// serve answers on what is bound until the servers are shut down.
func (s *Server) serve(bound listeners, helpers *sync.WaitGroup, broken chan<- error) (doors *fasthttp.Server, envoy *grpc.Server, admin *http.Server) {
	doors = s.fasthttp()
	admin = &http.Server{Handler: s.admin(), ReadTimeout: readTimeout, WriteTimeout: s.adminWriteTimeout(), IdleTimeout: idleTimeout, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	helpers.Go(func() { broken <- doors.Serve(patient{s.underTLS(bound.http, listenerHTTP), s.log}) })
	helpers.Go(func() {
		if err := admin.Serve(s.underTLS(bound.admin, listenerAdmin)); !errors.Is(err, http.ErrServerClosed) {
			broken <- err
		}
	})
	envoy = s.grpc()
	if bound.grpc != nil {
		helpers.Go(func() {
			if err := envoy.Serve(patientGRPC{patient{bound.grpc, s.log}}); err != nil {
				broken <- err
			}
		})
	}
	return doors, envoy, admin
}
