package config

import (
	"path/filepath"
	"reflect"
)

// shadow checks the bundles that decide nothing. They are loaded as those that decide are,
// from paths alone.
func (k checker) shadow() {
	seen := map[string]bool{}
	for i, b := range k.Shadow.Bundles {
		key := index("shadow.bundles", i)
		plain := DefaultBundle()
		plain.Path = b.Path
		switch {
		case b.Path == "":
			k.wrong(key, "needs a path: a shadow is not fetched")
			continue
		case !reflect.DeepEqual(b, plain):
			k.wrong(key, "has more than a path, which has no effect in a shadow")
		case seen[filepath.Clean(b.Path)]:
			k.wrong(key, "%s is given twice", show(b.Path))
		}
		k.optional(join(key, "path"), b.Path, checkPath)
		seen[filepath.Clean(b.Path)] = true
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
