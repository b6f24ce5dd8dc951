package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/audit"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/telemetry"
)

// noItem is no place in a batch.
const noItem = -1

// neither is recorded of what was answered and is neither an allow nor a denial: most
// documents, and the results of a search.
var neither = decision.Decision{Status: fasthttp.StatusOK}

// denies reports whether d is a denial, and not a document or the results of a search.
func denies(d decision.Decision) bool { return !d.Allow && d.Status != neither.Status }

// engine is what decides.
var engine = "opa " + policy.OPAVersion()

// The messages of denials for want of a log.
const (
	cannotLog = "the decision cannot be logged"
	noLog     = "the decision must be logged, and there is no decision log"
)

// record counts a decision, its time and its reasons, and logs it under its id. Every
// decision passes here once, whatever it is. The question is nil where none was asked. What
// it returns is what to answer with: a denial, where what must be logged cannot be.
func (s *Server) record(a *asking, item int, question jsontext.Value, d decision.Decision) decision.Decision {
	took := time.Since(a.began)
	s.beginItem(a, item)
	required := (s.config.DecisionLog.Required || a.logged) && !denies(d)
	switch {
	case s.audit == nil && required:
		d = decision.Because(decision.NotReady, noLog)
	case s.audit == nil:
	case required || s.audit.Sample(a.id, s.share(d)):
		r := s.recordOf(a, item, question, took)
		r.Required = required
		decided(&r, d)
		if !s.audit.Write(&r) && required {
			d = decision.Because(decision.Overloaded, cannotLog)
			// The denial is what finds out whether the log can be written again, so that no mask
			// drops it.
			r.Required, r.Kept, r.Result = false, true, ""
			decided(&r, d)
			s.audit.Write(&r)
		}
	}
	if s.shadow != nil {
		s.shadow.put(a, item, question, d)
	}
	s.metrics.decided(a.door, d, took, s.traced(a, item, d, took))
	return d
}

// recorded is record for an answer, which others may share.
func (s *Server) recorded(a *asking, item int, question jsontext.Value, answer *decision.Answer) *decision.Answer {
	if d := s.record(a, item, question, answer.Decision); denies(d) && answer.Allow {
		return &decision.Answer{Decision: d}
	}
	return answer
}

// share is how much of what is decided like d is logged.
func (s *Server) share(d decision.Decision) float64 {
	shares := &s.config.DecisionLog.Sample
	switch {
	case d.Allow:
		return float64(shares.Allow)
	case denies(d):
		return float64(shares.Deny)
	default:
		return float64(shares.Other)
	}
}

// decided says in a record what was decided.
func decided(r *audit.Record, d decision.Decision) {
	r.Allow, r.Status, r.Reasons = d.Allow, d.Status, d.Reasons
}

// recordOf is the record of what is being answered, without the decision. The log writes when
// the request has gone: whatever is a part of it is copied.
func (s *Server) recordOf(a *asking, item int, question jsontext.Value, took time.Duration) audit.Record {
	r := audit.Record{
		ID:          a.id.String(),
		Time:        s.now().UTC(),
		Door:        a.door,
		Client:      a.client,
		Question:    question,
		Result:      a.result,
		Engine:      engine,
		Input:       s.capture(a),
		Nanoseconds: took.Nanoseconds(),
	}
	if item != noItem {
		place := item
		r.Item = &place
	}
	if sub := a.input.Subject; sub != nil {
		r.Issuer, r.User, r.Session = sub.Session.Issuer, sub.Session.UserID, sub.Session.SessionID
		if sub.Session.Org != nil {
			r.Organization = sub.Session.Org.ID
		}
	}
	r.TraceID, r.SpanID = a.traceIDs()
	if a.proxied != nil {
		r.Method, r.Host, r.Path = strings.Clone(a.proxied.Method), strings.Clone(a.proxied.Host), strings.Clone(a.proxied.Target.Path)
		r.Route = a.pattern
	}
	if a.snapshot != nil {
		r.Revision, r.Digest = a.snapshot.bundle.Revision, a.snapshot.bundle.Digest
		r.Mask = a.snapshot.mask
	} else if last := s.current.Load(); last != nil {
		r.Mask = last.mask // a bundle that is too old to decide still says what is nobody's business
	}
	return r
}

// unseen records a denial of a request that was not looked at, but for where in a trace it
// is, and returns its id.
func (s *Server) unseen(place telemetry.Place, door decision.Door, denied decision.Decision) decision.ID {
	a := asking{id: decision.NewID(), door: door, began: time.Now(), snapshot: s.deciding(), place: place}
	s.record(&a, noItem, nil, denied)
	return a.id
}

// openLog opens the decision log.
func (s *Server) openLog(c *config.DecisionLog) (err error) {
	s.audit, err = audit.Open(s.logOptions(c))
	return err
}

func (s *Server) logOptions(c *config.DecisionLog) audit.Options {
	return audit.Options{
		To:     c.To,
		Buffer: int(c.Buffer),
		Rotate: audit.Rotate{Size: int64(c.Rotate.Size), Keep: c.Rotate.Keep, Age: c.Rotate.Age, Compress: c.Rotate.Compress},
		Upload: audit.Upload{
			TokenFile: c.Upload.TokenFile, CA: c.Upload.TLS.CA, Cert: c.Upload.TLS.Cert, Key: c.Upload.TLS.Key,
			Chunk: int(c.Upload.Chunk), MinDelay: c.Upload.MinDelay, MaxDelay: c.Upload.MaxDelay, Timeout: c.Upload.Timeout,
			Labels: c.Upload.Labels,
		},
		Version: s.version,
		Bundle:  strings.Join(s.source.Names(), ","),
		Changed: func(err error) {
			if err != nil {
				s.log.Error("the decision log cannot be written", "error", err)
				return
			}
			s.log.Info("the decision log is written again", "lost", s.audit.Lost())
		},
		Warn: func(err error) { s.log.Warn("decision log", "error", err) },
	}
}

// leastForLog is how long a log may take at least to write what waits when the server ends.
const leastForLog = time.Second

// closeLog writes what waits, by the time that the drain must end.
func (s *Server) closeLog() {
	left := drainTimeout
	if !s.draining.IsZero() {
		left -= time.Since(s.draining)
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(left, leastForLog))
	defer cancel()
	if err := s.audit.Close(ctx); err != nil {
		s.log.Error("decision log", "error", err)
	}
	if lost := s.audit.Lost(); lost > 0 {
		s.log.Error("records of the decision log were lost", "lost", lost)
	}
}

// unlogged are warnings of routes that nobody can pass, for want of a log.
func (s *Server) unlogged(p *policy.Policy) []string {
	routes := p.LoggedRoutes()
	if s.config.DecisionLog.To != config.None || len(routes) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("decision_log.to is none, so that nobody passes the routes that must be logged: %s", strings.Join(routes, ", "))}
}
