package config

import (
	"fmt"
	"strings"
	"time"
)

const (
	// envoyTimeout is how long Envoy waits for a decision unless told otherwise.
	envoyTimeout = 200 * time.Millisecond
	// wideClockSkew lets expired tokens live noticeably longer.
	wideClockSkew = time.Minute
)

// Warnings lists what c says that weakens a check or a default, or that has no effect in
// this build, each with where it stands. Serve logs them at start.
func (c *Config) Warnings() []string {
	var all []string
	warn := func(key, format string, args ...any) {
		all = append(all, mistake{c.placeOf(key), key, fmt.Sprintf(format, args...)}.Error())
	}
	c.warnListeners(warn)
	if c.Issuers.None {
		warn("issuers", "%s: no token is accepted, every session is null", None)
	}
	for n, i := range c.Issuers.List {
		warnIssuer(index("issuers", n), i, warn)
	}
	if c.Clients.Anonymous != "" {
		warn("clients.anonymous", "everyone on this machine may ask about others, and whoever a proxy on it forwards")
	}
	if c.Policy.Deadline >= envoyTimeout {
		warn("policy.deadline", "%s is not under the %s that Envoy waits: a slow answer is its failure mode", c.Policy.Deadline, envoyTimeout)
	}
	if len(c.Policy.Builtins) > 0 {
		warn("policy.builtins", "policies may call %s: their decisions are not memoised", strings.Join(c.Policy.Builtins, ", "))
	}
	c.warnLog(warn)
	c.warnProxies(warn)
	c.warnAuthZEN(warn)
	c.warnOPA(warn)
	c.warnRemotes(warn)
	c.warnTelemetry(warn)
	c.warnShadow(warn)
	return all
}

func (c *Config) warnListeners(warn func(string, string, ...any)) {
	for _, l := range []struct {
		key    string
		listen Address
		tls    TLS
	}{{"http.listen", c.HTTP.Listen, c.HTTP.TLS}, {grpcListen, c.GRPC.Listen, c.GRPC.TLS}, {"admin.listen", c.Admin.Listen, c.Admin.TLS}} {
		if l.key == grpcListen && !c.Doors.ExtAuthz {
			continue // not bound
		}
		if !l.listen.Loopback() && l.tls.Cert == "" {
			warn(l.key, "%s can be reached from other machines, without TLS", l.listen)
		}
	}
	if c.Admin.PProf {
		warn("admin.pprof", "profiles show what is in the server's memory to all who reach %s", c.Admin.Listen)
	}
}

func warnIssuer(key string, i Issuer, warn func(string, string, ...any)) {
	if i.AuthorizedParties.Any {
		warn(join(key, "authorized_parties"), "any: tokens that were made for another party are accepted")
	}
	if !i.TreatPendingAsSignedOut {
		warn(join(key, "treat_pending_as_signed_out"), "sessions with tasks still to do count as signed in")
	}
	if i.ClockSkew > wideClockSkew {
		warn(join(key, "clock_skew"), "expired tokens are accepted for another %s", i.ClockSkew)
	}
}

const grpcListen = "grpc.listen"

// warnProxies is about the doors that proxies ask at. A request there says itself what it is
// about, so that whoever may ask can ask about anything.
func (c *Config) warnProxies(warn func(string, string, ...any)) {
	d := c.Doors
	open := d.ExtAuthz || d.ForwardAuth || d.AuthRequest
	for _, l := range []struct {
		key  string
		open bool
		at   Address
		tls  TLS
	}{{"http.listen", open, c.HTTP.Listen, c.HTTP.TLS}, {grpcListen, d.ExtAuthz, c.GRPC.Listen, c.GRPC.TLS}} {
		if l.open && !l.at.Loopback() && l.tls.ClientCA == "" {
			warn(l.key, "whoever reaches %s can ask as the proxy does: let nobody else", l.at)
		}
	}
	if _, said := c.places[grpcListen]; said && !d.ExtAuthz {
		warn(grpcListen, "doors.ext_authz is closed; it has no effect")
	}
	if c.UnavailableStatus == http503 && open {
		warn("unavailable_status", "503 lets requests through where Envoy's failure_mode_allow is set")
	}
	if c.SignInURL != "" && !open {
		warn("sign_in_url", "no door is open that redirects; it has no effect")
	}
}
