package policy

import (
	"slices"
	"strings"
)

// Lacks says what p reads of a case that is not in it, empty where it decides as it would
// have. erased are JSON pointers (RFC 6901) into the case: what stood there was taken out
// of it, or is masked.
func (p *Policy) Lacks(c *Case, erased []string) string {
	for _, pointer := range erased {
		if !p.spares(c, pointer) {
			return "masked"
		}
	}
	if len(c.withheld) > 0 {
		return "credentials"
	}
	if c.kept == nil {
		return ""
	}
	if !c.kept.Parts.Has(p.reads.parts()) {
		return "parts of the request"
	}
	for _, name := range c.kept.Withheld {
		f := p.route.footprint
		if p.reads.request && f.reads("request", "headers", name) || p.reads.envoy &&
			(f.reads("attributes", "request", "http", "headers", name) || f.reads("attributes", "request", "http", "headerMap")) {
			return "credentials"
		}
	}
	return ""
}

// spares reports whether p reads nothing at a place of a case. Only where a rule may read
// and nothing else does, that can be told.
func (p *Policy) spares(c *Case, pointer string) bool {
	names := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i := range names {
		names[i] = strings.ReplaceAll(strings.ReplaceAll(names[i], "~1", "/"), "~0", "~")
	}
	if len(names) < 2 {
		return false
	}
	switch names[0] + "/" + names[1] {
	case "session/claims", "session/metadata":
	case "check/resource", "check/context":
		names = names[1:]
	default:
		return false
	}
	var asked []*entrypoint
	switch {
	case c.Check != nil:
		asked = []*entrypoint{&p.check.entrypoint}
	case c.Request != nil:
		asked = []*entrypoint{&p.route.entrypoint, &p.effective.entrypoint}
	case c.Evaluation != nil:
		asked = []*entrypoint{&p.evaluate.entrypoint, &p.check.entrypoint}
	}
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(e *entrypoint) bool { return e.footprint.reads(names...) })
}
