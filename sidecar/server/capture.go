package server

import (
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/policy"
)

// whole is what was put to policy. It shares memory with the request. There is nothing where
// policy was not asked, or asked for what is no decision.
func (a *asking) whole() (c policy.Case, ok bool) {
	if a.snapshot == nil {
		return c, false
	}
	c.Input = a.input
	c.Check, c.Evaluation, c.Data = a.check, a.evaluation, a.data
	if a.routed {
		c.Request = a.proxied
	}
	return c, c.Check != nil || c.Evaluation != nil || c.Data != nil || c.Request != nil
}

// mostCaptured bounds the inputs of one request that are logged, in bytes: items have in common
// what the request says once, and one input more may pass the bound.
const mostCaptured = 1 << 20

// capture is what a decision can be made again from, where the configuration has it logged. It
// is nil where there is nothing, or too much to be logged.
func (s *Server) capture(a *asking) jsontext.Value {
	if !s.config.DecisionLog.Input {
		return nil
	}
	c, ok := a.whole()
	if !ok || a.captured > mostCaptured {
		return nil
	}
	text, err := a.snapshot.policy.Keep(&c)
	if err != nil {
		s.log.Debug("decision log", "decision", a.id, "error", err)
		return nil
	}
	a.captured += len(text)
	return text
}
