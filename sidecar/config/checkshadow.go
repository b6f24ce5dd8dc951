package config

// shadow checks what is said of a shadow besides its bundles, which are named as those that
// decide are.
func (k checker) shadow() {
	for i, b := range k.Shadow.Bundles {
		for _, m := range []struct {
			key  string
			said bool
		}{{"max_age", b.MaxAge != 0}, {"stale", b.Stale != StaleWarn && b.Stale != ""}} {
			if key := join(index("shadow.bundles", i), m.key); m.said && !k.blames(key) {
				k.wrong(key, "has no effect in a shadow, which no answer waits for")
			}
		}
	}
	if len(k.Shadow.Bundles) > 0 && k.Shadow.Deadline <= 0 {
		k.wrong("shadow.deadline", "must be more than 0")
	}
}

// warnShadow is about what has no effect, and about what logs say of people.
func (c *Config) warnShadow(warn func(string, string, ...any)) {
	normal := Default().Shadow
	if len(c.Shadow.Bundles) == 0 && (c.Shadow.Sample != normal.Sample || c.Shadow.Deadline != normal.Deadline) {
		warn("shadow", "names no bundles; it has no effect")
	}
	if len(c.Shadow.Bundles) > 0 && c.Shadow.Sample == 0 {
		warn("shadow.sample", "0: nothing is put to the shadow")
	}
	if c.DecisionLog.Input && (c.DecisionLog.To == None || c.DecisionLog.To == "") {
		warn("decision_log.input", "decision_log.to is %s; it has no effect", None)
	} else if c.DecisionLog.Input {
		warn("decision_log.input", "the log holds sessions with their claims, and what callers say of resources")
	}
}
