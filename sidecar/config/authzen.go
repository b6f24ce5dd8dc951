package config

import "strings"

// warnAuthZEN is about the AuthZEN door, and about what has no effect without it.
func (c *Config) warnAuthZEN(warn func(string, string, ...any)) {
	open := c.Doors.AuthZEN
	if c.AuthZEN.Reasons && !open {
		warn("authzen.reasons", "doors.authzen is closed; it has no effect")
	}
	switch {
	case c.PublicURL == "":
	case open && !strings.HasPrefix(strings.ToLower(c.PublicURL), "https://"):
		warn("public_url", "is not https: AuthZEN clients that discover this server by it may refuse it")
	case !open && !c.Doors.OPA:
		// Those doors also take the URL's host for this machine's: see server.local.
		warn("public_url", "doors.authzen is closed; it has no effect")
	}
}
