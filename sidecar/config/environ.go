package config

import (
	"regexp"
	"strings"

	"postern/sidecar/phrase"
)

// reservedEnv are prefixes that the project's own tests use.
var reservedEnv = []string{"POSTERN_TEST_", "POSTERN_REQUIRE_"}

// Kubernetes gives every container variables for each Service of its namespace. For one
// called postern, or postern-something, they begin as ours do.
var (
	serviceEnv = regexp.MustCompile(`^POSTERN_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?)$`)
	// A port variable has a form that nobody means for a port to listen on.
	servicePortEnv   = regexp.MustCompile(`^POSTERN_(?:[A-Z0-9_]+_)?PORT$`)
	servicePortValue = regexp.MustCompile(`^(?:tcp|udp|sctp)://`)
)

// fromEnvironment finds the settings in environ, a list of NAME=value. Unknown names
// that begin as ours are mistakes: a setting that was meant and has no effect.
func fromEnvironment(environ []string, r *report) []given {
	values := map[string]string{}
	var names []string
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || foreignEnv(name, value) {
			continue
		}
		before, twice := values[name]
		if twice && before != value {
			r.add(place{name: safeKey(name)}, "", "is given twice with different values")
		}
		if !twice {
			names = append(names, name)
		}
		values[name] = value
	}
	known := map[string]bool{}
	var all []given
	for _, s := range Settings() {
		known[s.Env] = true
		value, ok := values[s.Env]
		if !ok {
			continue
		}
		all = append(all, given{setting: s, place: place{name: s.Env}, values: splitEnv(s, value)})
	}
	for _, name := range names {
		if !known[name] {
			r.add(place{name: safeKey(name)}, "", "unknown variable%s", suggestEnv(name))
		}
	}
	return all
}

// foreignEnv reports whether a variable is not meant for us although it begins so.
func foreignEnv(name, value string) bool {
	for _, prefix := range reservedEnv {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return serviceEnv.MatchString(name) || servicePortEnv.MatchString(name) && servicePortValue.MatchString(value)
}

// splitEnv splits a list at its commas. Spaces around them mean nothing.
func splitEnv(s Setting, value string) []string {
	if !s.Repeatable {
		return []string{value}
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func suggestEnv(name string) string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Env)
	}
	if name == "POSTERN_PORT" {
		return phrase.DidYouMean("POSTERN_LISTEN")
	}
	return phrase.DidYouMean(phrase.Suggest(name, names))
}
