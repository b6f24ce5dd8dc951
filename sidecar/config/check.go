package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/sidecar/phrase"
)

// Validate checks c as [Load] does, for a Config that was made otherwise. The error
// joins every mistake.
func (c *Config) Validate() error {
	r := &report{}
	c.check(r, false)
	return r.err()
}

// check adds every mistake of c to r, but for what follows from those in r already.
// With policyOnly, see [LoadPolicy].
func (c *Config) check(r *report, policyOnly bool) {
	k := checker{c, r, policyOnly}
	k.listeners()
	k.bundles()
	k.signers()
	k.issuers()
	k.remotes()
	k.doors()
	k.clients()
	k.opa()
	k.policy()
	k.shadow()
	k.bounds()
	k.optional("public_url", c.PublicURL, checkPublicURL)
	k.optional("sign_in_url", c.SignInURL, checkSignInURL)
	k.decisionLog()
	k.identityHeaders()
	k.telemetry()
	if c.UnavailableStatus != http403 && c.UnavailableStatus != http503 {
		k.wrong("unavailable_status", "%d is none of 403 and 503", c.UnavailableStatus)
	}
}

// The statuses that proxies may be told where nothing can be decided.
const (
	http403 = 403
	http503 = 503
)

// A checker judges a Config that was read.
type checker struct {
	*Config
	*report
	policyOnly bool
}

// wrong notes a mistake at key, placed where the key or what holds it was set.
func (k checker) wrong(key, format string, args ...any) {
	if !k.blames(key) {
		k.add(k.placeOf(key), key, format, args...)
	}
}

// lacks notes that key is missing, unless a mistake says why.
func (k checker) lacks(key, format string, args ...any) {
	if !slices.Contains(k.misspelt, key) {
		k.wrong(key, format, args...)
	}
}

// needs is lacks for what only a server cannot do without.
func (k checker) needs(key, format string, args ...any) {
	if !k.policyOnly {
		k.lacks(key, format, args...)
	}
}

// must notes err, unless it is nil, as a mistake at key.
func (k checker) must(key string, err error) {
	if err != nil {
		k.wrong(key, "%v", err)
	}
}

// optional checks a value that may be empty.
func (k checker) optional(key, value string, check func(string) error) {
	if value != "" {
		k.must(key, check(value))
	}
}

// placeOf is where key was set, or the nearest thing that holds it.
func (c *Config) placeOf(key string) place {
	for {
		if at, ok := c.places[key]; ok {
			return at
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return place{}
		}
		key = key[:cut]
	}
}

func (k checker) listeners() {
	named := []struct {
		key    string
		listen Address
		tls    TLS
	}{{"http", k.HTTP.Listen, k.HTTP.TLS}, {"grpc", k.GRPC.Listen, k.GRPC.TLS}, {"admin", k.Admin.Listen, k.Admin.TLS}}
	for i, l := range named {
		if l.listen.Network != "tcp" && l.listen.Network != "unix" {
			k.wrong(join(l.key, "listen"), "is no address")
		}
		for _, other := range named[:i] {
			if l.listen.collides(other.listen) && !k.blames(join(other.key, "listen")) {
				// The blame goes to what was said: two defaults never collide.
				at, than := join(l.key, "listen"), join(other.key, "listen")
				if k.placeOf(at) == (place{}) {
					at, than = than, at
				}
				k.wrong(at, "%s cannot be listened to beside %s", l.listen, than)
			}
		}
		k.tls(join(l.key, "tls"), l.tls)
	}
}

func (k checker) bundles() {
	if len(k.Bundles) == 0 {
		k.needs("bundles", "none is given: say --bundle, POSTERN_BUNDLE, or bundles in the file")
	}
	for _, l := range k.bundleLists() {
		k.bundleList(l.key, l.bundles)
	}
}

// A bundleList is a list of bundles and the key that it is at.
type bundleList struct {
	key     string
	bundles Bundles
}

// bundleLists are the bundles that decide, and the shadow's.
func (k checker) bundleLists() []bundleList {
	return []bundleList{{"bundles", k.Bundles}, {"shadow.bundles", k.Shadow.Bundles}}
}

func (k checker) bundleList(list string, bundles Bundles) {
	seen := map[string]bool{}
	for i, b := range bundles {
		key := index(list, i)
		if (b.Path == "") == (b.URL == "") {
			k.wrong(key, "needs exactly one of path and url")
			continue
		}
		k.optional(join(key, "path"), b.Path, checkPath)
		k.optional(join(key, "url"), b.URL, checkBundleURL)
		source := b.URL
		if b.Path != "" {
			source = filepath.Clean(b.Path)
		}
		if seen[source] {
			k.wrong(key, "%s is given twice", show(source))
		}
		seen[source] = true
	}
}

func (k checker) doors() {
	d := k.Doors
	if !d.Check && !d.ExtAuthz && !d.ForwardAuth && !d.AuthRequest && !d.AuthZEN && !d.OPA {
		k.wrong("doors", "every door is closed: nothing would be answered")
	}
	if !k.Clients.None() {
		return
	}
	for _, door := range []struct {
		key  string
		open bool
	}{{"doors.authzen", d.AuthZEN}, {"doors.opa", d.OPA}} {
		if door.open {
			k.wrong(door.key, "answers questions about others, so it needs clients: {tokens_file, mtls, unix_uids or anonymous: loopback}")
		}
	}
}

// gatedBuiltins are the refused functions that policy.builtins can give back.
var gatedBuiltins = []string{"io.jwt.decode_verify", "time.now_ns"}

// Builtins returns the names that policy.builtins may hold.
func Builtins() []string { return slices.Clone(gatedBuiltins) }

func (k checker) policy() {
	k.unique("policy.builtins", k.Policy.Builtins, func(name string) error {
		if slices.Contains(gatedBuiltins, name) {
			return nil
		}
		return fmt.Errorf("%s cannot be allowed; only %s can%s", show(name), strings.Join(gatedBuiltins, " and "), phrase.DidYouMean(phrase.Suggest(name, gatedBuiltins)))
	})
	if k.Policy.Deadline <= 0 {
		k.wrong("policy.deadline", "must be more than 0")
	}
	e := k.Entrypoints
	k.optional("entrypoints.check", e.Check, checkEntrypoint)
	k.optional("entrypoints.route", e.Route, checkEntrypoint)
	k.optional("entrypoints.evaluate", e.Evaluate, checkEntrypoint)
	k.optional("entrypoints.search.subject", e.Search.Subject, checkEntrypoint)
	k.optional("entrypoints.search.resource", e.Search.Resource, checkEntrypoint)
	k.optional("entrypoints.search.action", e.Search.Action, checkEntrypoint)
}

// bounds checks what is a number, against limits that only a slip of the pen crosses.
func (k checker) bounds() {
	for _, b := range []struct {
		key            string
		value, low, to int64
		show           func(int64) string
	}{
		{"limits.token", int64(k.Limits.Token), 256, int64(MiB), asBytes},
		{"limits.header", int64(k.Limits.Header), int64(KiB), int64(MiB), asBytes},
		{"limits.body", int64(k.Limits.Body), 256, int64(64 * MiB), asBytes},
		{"limits.batch", int64(k.Limits.Batch), 1, 10_000, asCount},
		{"limits.concurrency", int64(k.Limits.Concurrency), 1, 1_000_000, asCount},
		{"cache.tokens", int64(k.Cache.Tokens), 0, int64(1024 * GiB), asBytes},
		{"cache.decisions", int64(k.Cache.Decisions), 0, int64(1024 * GiB), asBytes},
		{"watch.settle", int64(k.Watch.Settle), int64(time.Millisecond), int64(time.Minute), asDuration},
		{"watch.poll", int64(k.Watch.Poll), int64(100 * time.Millisecond), int64(24 * time.Hour), asDuration},
	} {
		if b.value < b.low || b.value > b.to {
			k.wrong(b.key, "%s is not from %s to %s", b.show(b.value), b.show(b.low), b.show(b.to))
		}
	}
	if k.Limits.Token > k.Limits.Header && !k.blames("limits.header") {
		k.wrong("limits.token", "%s cannot arrive in limits.header, %s", k.Limits.Token, k.Limits.Header)
	}
}

func asBytes(n int64) string    { return Size(n).String() }
func asCount(n int64) string    { return fmt.Sprint(n) }
func asDuration(n int64) string { return time.Duration(n).String() }

// unique checks each of values, at its own key, and that none is there twice.
func (k checker) unique(key string, values []string, check func(string) error) {
	for i, v := range values {
		at := index(key, i)
		switch err := check(v); {
		case err != nil:
			k.wrong(at, "%v", err)
		case slices.Contains(values[:i], v):
			k.wrong(at, "%s is given twice", show(v))
		}
	}
}
