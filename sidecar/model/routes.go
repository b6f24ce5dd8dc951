package model

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"postern/sidecar/phrase"
	"postern/sidecar/requirement"
)

func (c *checker) routes(section *node) []Route {
	all := []Route{}
	for entry := range c.array(section) {
		all = append(all, c.route(entry))
	}
	return all
}

func (c *checker) route(entry *node) Route {
	var r Route
	has := map[string]*node{}
	for n := range c.object(entry) {
		has[n.name] = n
		switch n.name {
		case "match":
			r.Match = c.pattern(n)
		case "name":
			r.Name = c.text(n)
		case "description":
			r.Description = c.text(n)
		case "public":
			r.Public = c.onlyTrue(n)
		case "signed_in":
			r.SignedIn = c.onlyTrue(n)
		case "require":
			asked := c.requirement(n)
			r.Require = &asked
		case "organization":
			r.Organization = c.someText(n)
		case "organization_slug":
			r.OrganizationSlug = c.someText(n)
		case "deny":
			r.Deny = c.deny(n)
		case "logged":
			r.Logged = c.logged(n)
		default:
			c.unknown(n, "match", "name", "description", "public", "signed_in", "require", "organization", "organization_slug", "deny", "logged")
		}
	}
	if _, ok := entry.value.(map[string]any); ok {
		c.routeShape(entry, has)
	}
	return r
}

// routeShape checks which members of a route go together.
func (c *checker) routeShape(entry *node, has map[string]*node) {
	if has["match"] == nil {
		c.failf(entry, "route has no match")
	}
	asks := 0
	for _, name := range []string{"signed_in", "require", "organization", "organization_slug"} {
		if has[name] == nil {
			continue
		}
		asks++
		if has["public"] != nil {
			c.failf(has[name], "a route is either public or asks for something, not both")
		}
	}
	switch {
	case has["public"] == nil && asks == 0:
		c.failf(entry, "route says neither public nor signed_in, require or organization")
	case has["public"] != nil && has["deny"] != nil:
		c.failf(has["deny"], "a public route is never denied")
	case has["organization"] != nil && has["organization_slug"] != nil:
		c.failf(has["organization_slug"], "a route names its organization by id or by slug, not both")
	}
}

// onlyTrue reads a flag that stands there to be true.
func (c *checker) onlyTrue(n *node) bool {
	value := c.flag(n)
	if value != nil && !*value {
		c.failf(n, "%s can only be true; leave it out", n.title())
	}
	return value != nil && *value
}

// logged reads what a route demands of the decision log.
func (c *checker) logged(n *node) bool {
	const required = "required"
	if text := c.text(n); text != required && n.value == any(text) {
		c.failf(n, "logged can only be required; leave it out")
	}
	return n.value == any(required)
}

func (c *checker) someText(n *node) string {
	s := c.text(n)
	if s == "" && n.value == "" {
		c.failf(n, "%s is empty", n.title())
	}
	return s
}

func (c *checker) pattern(n *node) string {
	s := c.text(n)
	if _, ok := n.value.(string); !ok {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		c.failf(n, "match is empty")
	} else if strings.ContainsFunc(s, unicode.IsControl) {
		c.failf(n, "match %s has a control character in it", phrase.Quote(s))
	}
	return s
}

// deny reads how a route refuses: one of a status from 400 to 499 and a redirect.
func (c *checker) deny(section *node) Deny {
	var d Deny
	count := 0
	for n := range c.object(section) {
		count++
		switch n.name {
		case "status":
			status := c.whole(n, 499)
			switch {
			case status == nil:
			case *status < 400:
				c.failf(n, "status is %d, and must be from 400 to 499", *status)
			case *status == 401 || *status == 407 || *status == 408:
				c.failf(n, "status %d has a meaning of its own to clients and proxies; a session that may not is 403 or 404", *status)
			default:
				d.Status = int(*status)
			}
		case "redirect":
			d.Redirect = c.text(n)
			if _, ok := n.value.(string); ok {
				c.redirect(n, d.Redirect)
			}
		default:
			c.unknown(n, "status", "redirect")
		}
	}
	if _, ok := section.value.(map[string]any); ok && count != 1 {
		c.failf(section, "deny has either a status or a redirect")
	}
	return d
}

// redirect accepts a path of this host, or an absolute http or https URL. It becomes a
// header, so it is printable ASCII.
func (c *checker) redirect(n *node, target string) {
	printable := !strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' })
	local := strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//")
	u, err := url.Parse(target)
	absolute := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
	if !printable || !local && !absolute {
		c.failf(n, "redirect %s is neither a path nor an http or https URL", phrase.Quote(target))
	}
}

// requirement reads what a route requires. Its shape is [requirement.Parse]'s; here its
// names must be known, and it must be one that a session can meet.
func (c *checker) requirement(n *node) requirement.Requirement {
	raw, err := json.Marshal(n.value)
	if err != nil {
		c.failf(n, "write requirement: %v", err)
		return requirement.Requirement{}
	}
	r, err := requirement.Parse(raw)
	if err != nil {
		c.failf(n, "%v", err)
		return requirement.Requirement{}
	}
	if len(r.Any) == 0 {
		c.failf(n, "require asks for nothing, so it is never met; signed_in: true asks for a session alone")
	}
	c.requirementNames(n)
	return r
}

// requirementNames walks a requirement of good shape and checks every name in it.
func (c *checker) requirementNames(n *node) {
	members, _ := n.value.(map[string]any)
	for _, name := range []string{"any", "all"} {
		list, _ := members[name].([]any)
		at := n.child(name, list)
		for i, e := range list {
			c.requirementNames(at.child(strconv.Itoa(i), e))
		}
	}
	for _, name := range []string{"role", "permission", "feature", "plan"} {
		value, asked := members[name]
		if !asked {
			continue
		}
		at := n.child(name, value)
		s, ok := value.(string)
		if !ok || s == "" {
			c.failf(at, "%s must be a string that names one: a requirement of %s is never met", name, kindOf(value))
			continue
		}
		c.requiredName(at, name, s)
	}
}

// requiredName checks one name of a requirement against the section that defines it.
// Checks read admin and org:admin as one, and take a scope before a feature or plan.
func (c *checker) requiredName(n *node, what, name string) {
	switch what {
	case "role":
		c.requiredPrefixed(n, what, "roles", name)
	case "permission":
		if !slices.Contains(SystemPermissions, organizationPrefix+bare(name)) {
			c.requiredPrefixed(n, what, "permissions", name)
		}
	case "feature":
		c.requiredScoped(n, what, planFeatures, name)
	case "plan":
		c.requiredScoped(n, what, "plans", name)
	}
}

func (c *checker) requiredPrefixed(n *node, what, section, name string) {
	names, short := c.known[section], bare(name)
	if !names[short] && !names[organizationPrefix+short] {
		c.refer(n, what, section, name)
	}
}

func (c *checker) requiredScoped(n *node, what, section, name string) {
	if slug, ofUser := scoped(name); !ofUser && !c.known[section][name] {
		c.refer(n, what, section, slug)
	}
}

// bare is a role or permission without the prefix that a check adds where it lacks.
func bare(name string) string {
	for strings.HasPrefix(name, organizationPrefix) {
		name = strings.TrimPrefix(name, organizationPrefix)
	}
	return name
}

// scoped splits what a check asks of a feature or plan: scope:slug, or a slug alone.
// What a user has is not in the model.
func scoped(name string) (slug string, ofUser bool) {
	parts := strings.SplitN(name, ":", 3)
	if len(parts) == 1 {
		return name, false
	}
	slug = parts[1]
	if slug == "" {
		slug = parts[0]
	}
	return slug, parts[0] == "u" || parts[0] == "user"
}

// place gives each route its position.
func (m *Model) place(locate Locator) {
	if len(m.Routes) == 0 {
		return
	}
	places := make([]Place, len(m.Routes))
	for i := range places {
		places[i].Path = []string{"routes", strconv.Itoa(i)}
	}
	for i, p := range locate(places) {
		m.Routes[i].Position = p
	}
}
