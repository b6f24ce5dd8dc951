// Package server is the process: listeners, limits, the snapshot that decides and its
// replacement, health, metrics, drain. It is the one place that sees all the others, and
// in it the way of a request reads from top to bottom: see check in decide.go.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
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
	"postern/sidecar/origin"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
	"postern/sidecar/telemetry"
	"postern/sidecar/token"
	"postern/sidecar/watch"
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
	var err error
	if s.tokens, err = cache.New[verified](int(o.Config.Cache.Tokens), nil); err != nil {
		return nil, err
	}
	if s.memo, err = policy.NewMemo(int(o.Config.Cache.Decisions)); err != nil {
		return nil, err
	}
	if s.questions, err = request.NewQuestions(o.Config.Limits.Batch); err != nil {
		return nil, err
	}
	if s.description, err = describe(o.Config); err != nil {
		return nil, err
	}
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

// newSource makes what the configuration's bundles come from. Only a server that runs keeps
// what it fetches.
func (s *Server) newSource(o Options) (err error) {
	keep := o.Config.PersistenceDirectory
	if o.CheckOnly {
		keep = ""
	}
	s.source, err = origin.New(o.Config.Bundles, origin.Options{Directory: keep, UserAgent: "postern/" + o.Version, Logger: s.log, Now: s.now})
	if err == nil {
		s.view = s.source.Latest
	}
	return err
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
	for _, follow := range []func(context.Context) error{s.watchBundle, s.followServers, s.watchAges, s.watchKeys, s.watchCredentials} {
		helpers.Go(func() {
			if err := follow(background); err != nil {
				broken <- err
			}
		})
	}
	for _, i := range s.issuers {
		helpers.Go(func() { i.keys.Run(background) })
	}
	if s.shadow != nil {
		helpers.Go(func() { s.shadow.run(background) })
	}
	// What is bound queues whoever connects: who asks whether the server is ready is told so
	// from the first answer on.
	s.listening.Store(true)
	doors := s.fasthttp()
	admin := &http.Server{Handler: s.admin(), ReadTimeout: readTimeout, WriteTimeout: s.adminWriteTimeout(), IdleTimeout: idleTimeout, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	helpers.Go(func() { broken <- doors.Serve(patient{s.underTLS(bound.http, listenerHTTP), s.log}) })
	helpers.Go(func() {
		if err := admin.Serve(s.underTLS(bound.admin, listenerAdmin)); !errors.Is(err, http.ErrServerClosed) {
			broken <- err
		}
	})
	envoy := s.grpc()
	if bound.grpc != nil {
		helpers.Go(func() {
			if err := envoy.Serve(patientGRPC{patient{bound.grpc, s.log}}); err != nil {
				broken <- err
			}
		})
	}
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

// listeners are what is bound; grpc is nil where its door is closed.
type listeners struct{ http, grpc, admin net.Listener }

// bind opens all listeners or none.
func (s *Server) bind() (bound listeners, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var opened []net.Listener
	open := func(name string, at config.Address) net.Listener {
		if err != nil {
			return nil
		}
		var l net.Listener
		if l, err = listen(at); err != nil {
			err = fmt.Errorf("%s.listen: %w", name, err)
			return nil
		}
		opened = append(opened, l)
		s.addresses[name] = display(l)
		return l
	}
	bound.http = open(listenerHTTP, s.config.HTTP.Listen)
	if s.config.Doors.ExtAuthz {
		bound.grpc = open(listenerGRPC, s.config.GRPC.Listen)
	}
	bound.admin = open(listenerAdmin, s.config.Admin.Listen)
	if err != nil {
		for _, l := range opened {
			err = errors.Join(err, l.Close())
		}
		clear(s.addresses)
		return listeners{}, err
	}
	return bound, nil
}

func display(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix://" + l.Addr().String()
	}
	return l.Addr().String()
}

// fasthttp is the server of the decision listener. Its own limit on connections is out
// of reach, so that overload is answered with a denial.
func (s *Server) fasthttp() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      s.handler(),
		ErrorHandler:                 s.unreadable,
		ExpectHandler:                s.expect,
		HeaderReceived:               withoutBody,
		Concurrency:                  math.MaxInt32,
		ReadBufferSize:               int(s.config.Limits.Header),
		MaxRequestBodySize:           int(s.config.Limits.Body),
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
		MaxIdleWorkerDuration:        time.Second,
		Logger:                       quiet{s.log},
	}
}

// quiet passes fasthttp's own messages on, at debug level and without what they are
// about: that quotes clients, tokens and all.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, _ ...any) {
	q.log.Debug("http", "message", format)
}

// watchBundle loads the bundle again whenever something below its paths settles.
func (s *supply) watchBundle(ctx context.Context) error {
	return s.watch(ctx, s.source.Paths(), func() { _ = s.loadBundle(ctx) })
}

// watchKeys loads the key files again, beside the bundle: a key that is withdrawn does
// not wait for a bundle to compile.
func (s *Server) watchKeys(ctx context.Context) error {
	var paths []string
	for _, i := range s.issuers {
		if p := i.keys.Path(); p != "" {
			paths = append(paths, p)
		}
	}
	return s.watch(ctx, paths, func() { s.loadKeys(ctx, false) })
}

func (s *supply) watch(ctx context.Context, paths []string, changed func()) error {
	if len(paths) == 0 {
		return nil
	}
	o := watch.Options{Settle: s.config.Watch.Settle, Poll: s.config.Watch.Poll, Logger: s.log}
	return watch.Watch(ctx, paths, o, changed)
}

// drain stops taking requests and waits for those that were taken. The listener is closed
// here first, since fasthttp closes only one that it has begun to serve. The listeners
// drain at once: none takes the others' time, or goes on meanwhile.
func (s *Server) drain(decisions net.Listener, doors *fasthttp.Server, envoy *grpc.Server, admin *http.Server) {
	s.listening.Store(false)
	s.draining = time.Now()
	close(s.ended)
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.log.Info("draining")
	var calls sync.WaitGroup
	calls.Go(func() { drainGRPC(ctx, envoy) })
	err := errors.Join(decisions.Close(), doors.ShutdownWithContext(ctx))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("drain", "listener", "http", "error", err)
	}
	calls.Wait()
	s.closeTelemetry(ctx) // by now all is recorded
	if err := admin.Shutdown(ctx); err != nil {
		s.log.Warn("drain", "listener", "admin", "error", err)
	}
	s.log.Info("stopped")
}
