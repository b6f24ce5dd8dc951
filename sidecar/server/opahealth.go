package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/opaapi"
	"postern/sidecar/policy"
	"postern/sidecar/response"
)

// The states of OPA's plugins.
const (
	pluginOK       = "OK"
	pluginNotReady = "NOT_READY"
)

// plugins are the parts of the server that readiness is made of, by what OPA's own are
// called: bundle, and keys, which OPA does not have.
func (s *Server) plugins() map[string]string {
	r := s.readiness()
	all := map[string]string{"bundle": pluginNotReady, "keys": pluginOK}
	if r.Bundle && r.Sources {
		all["bundle"] = pluginOK
	}
	for _, ready := range r.Keys {
		if !ready {
			all["keys"] = pluginNotReady
		}
	}
	return all
}

// opaHealth answers GET /health and what is below it, to everybody: it says no more than
// whether the server can answer.
func (s *Server) opaHealth(ctx *fasthttp.RequestCtx) {
	if !ctx.IsGet() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, fasthttp.MethodGet)
		s.opaRefused(ctx, fasthttp.StatusMethodNotAllowed, opaapi.CodeInvalidOperation, "the method is GET")
		return
	}
	target := string(ctx.Request.Header.RequestURI())
	if to, status := opaapi.Moved(target, healthPath); status != 0 {
		response.Moved(ctx, status, to)
		return
	}
	path, query, _ := strings.Cut(target, "?")
	if path == healthPath {
		s.healthy(ctx, s.unhealthy(opaapi.ReadHealth(query)))
		return
	}
	names, err := opaapi.Names(strings.TrimPrefix(path, healthPath+"/"))
	if err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	s.healthy(ctx, s.ruledUnhealthy(names))
}

// healthy sends what is wrong, or that nothing is.
func (s *Server) healthy(ctx *fasthttp.RequestCtx, wrong string) {
	status := fasthttp.StatusOK
	if wrong != "" {
		status = fasthttp.StatusInternalServerError
	}
	s.opaSend(ctx, status, decision.ID{}, opaapi.Health{Error: wrong}, false)
}

// unhealthy is what is wrong with what the query asks about.
func (s *Server) unhealthy(query opaapi.HealthQuery) string {
	all := s.plugins()
	snap := s.current.Load()
	if snap != nil && snap.bound.Full() {
		return "unable to perform evaluation"
	}
	if query.Bundles && all["bundle"] != pluginOK {
		return "one or more bundles are not activated"
	}
	if !query.Plugins {
		return ""
	}
	for name, state := range all {
		if state != pluginOK && !slices.Contains(query.Excluded, name) {
			return "one or more plugins are not up"
		}
	}
	return ""
}

// ruledUnhealthy asks the bundle's rule below data.system.health, as OPA does.
func (s *Server) ruledUnhealthy(names []string) string {
	all := s.plugins()
	r := s.readiness()
	input, err := policy.NewValue(opaapi.HealthInput(all, r.Ready))
	if err != nil {
		return "unable to perform evaluation"
	}
	check := "data.system.health." + strings.Join(names, ".")
	path := append([]string{"system", "health"}, names...)
	snap := s.deciding()
	// Whoever asks is a stranger, who is to have no queries prepared for made-up rules.
	if snap == nil || !snap.policy.Defines(path) {
		return fmt.Sprintf("health check (%s) was undefined", check)
	}
	found, err := snap.policy.Data(context.Background(), policy.Input{Now: s.now(), Until: time.Now().Add(s.config.Policy.Deadline)},
		&policy.DataQuestion{Path: path, Input: input})
	switch {
	case err != nil:
		return fmt.Sprintf("health check (%s) failed", check)
	case found.JSON == nil:
		return fmt.Sprintf("health check (%s) was undefined", check)
	case found.Kind != "true":
		return fmt.Sprintf("health check (%s) returned unexpected value", check)
	}
	return ""
}
