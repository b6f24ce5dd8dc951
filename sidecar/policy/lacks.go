package policy

import "slices"

// Lacks says what p reads of a case that is not in it, empty where it decides as it would
// have. erased are JSON pointers (RFC 6901) into the case: what stood there was taken out
// of it, or is masked.
func (p *Policy) Lacks(c *Case, erased []string) string {
	if len(erased) > 0 {
		s := p.sparing(c)
		touched := func(pointer string) bool { return !s.spares(pointer) }
		if !c.readable() || slices.ContainsFunc(erased, touched) {
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
