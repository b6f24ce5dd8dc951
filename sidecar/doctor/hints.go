package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/requirement"
)

// Hints say what about the token itself can make a requirement fail, each once, in the
// order of its terms. They explain a denial and decide nothing: a denial may have other
// causes, which its reasons name.
func (r *Report) Hints(q requirement.Requirement) []Note {
	h := hinter{report: r, notes: []Note{}}
	if !r.clerk || r.session == nil {
		return h.notes
	}
	if r.session.Status == "pending" {
		h.add("session_pending", "the session is pending: it counts as signed out until its tasks are done")
	}
	for _, term := range q.Any {
		h.term(term)
	}
	return h.notes
}

// A hinter collects hints.
type hinter struct {
	report *Report
	notes  []Note
}

func (h *hinter) add(code, format string, args ...any) {
	n := Note{Code: code, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(h.notes, n) {
		h.notes = append(h.notes, n)
	}
}

func (h *hinter) term(t requirement.Term) {
	for _, part := range t.All {
		h.term(part)
	}
	for _, member := range []struct {
		raw  jsontext.Value
		hint func(string)
	}{
		{t.Permission, h.permission},
		{t.Role, h.role},
		{t.Feature, func(name string) { h.scoped("feature", "fea", h.report.Features, name) }},
		{t.Plan, func(name string) { h.scoped("plan", "pla", h.report.Plans, name) }},
	} {
		switch {
		case member.raw == nil:
		case member.raw.Kind() != '"':
			h.add("not_text", "%s is not text, and never holds", show(string(member.raw)))
		default:
			member.hint(textOf(member.raw))
		}
	}
	if t.Reverification != nil && h.report.FactorAge.Minutes == nil {
		h.add("factor_age", "fva is %s", h.report.FactorAge.Meaning)
	} else if t.Reverification != nil {
		h.add("factor_age", "fva says: %s", h.report.FactorAge.Meaning)
	}
}

// normal is a role or permission as has() asks for it.
func normal(name string) string {
	for strings.HasPrefix(name, organizationPrefix) {
		name = name[len(organizationPrefix):]
	}
	return organizationPrefix + name
}

// stale is the reminder that a token is a copy of the past.
func (h *hinter) stale() string {
	for _, t := range h.report.Times {
		if t.Claim == "iat" && t.Time != "" {
			return fmt.Sprintf("as of %s (%s); a change since then shows in the next token", t.Time, t.Relative)
		}
	}
	return "as of when it was made; a change since then shows in the next token"
}

func (h *hinter) permission(name string) {
	asked, r := normal(name), h.report
	if slices.Contains(r.Permissions, asked) {
		return
	}
	if strings.HasPrefix(asked, systemPrefix) {
		h.add("system_permission", "%s is a system permission: tokens never carry one. A model's roles can grant it", show(asked))
		return
	}
	if h.noOrganization() {
		return
	}
	feature, _, ok := strings.Cut(strings.TrimPrefix(asked, organizationPrefix), ":")
	switch {
	case !ok:
		h.add("permission_form", "%s is not of the form org:<feature>:<action>", show(asked))
		return
	case r.Version.Number == 2 && (r.Features == nil || !slices.Contains(r.Features.Org, feature)):
		h.add("feature_missing", "fea has no feature %s of the organization, so no permission of it can be in the token: "+
			"the plan lacks the feature, or it is left out of session tokens", show(feature))
		return
	}
	for _, m := range r.Masks {
		if m.Feature == feature && m.Problem != "" {
			h.add("mask_"+m.Problem, "the mask of %s is %s, so it grants nothing", show(feature), m.Problem)
			return
		}
	}
	h.add("permission_missing", "the role %s has no %s in this token, %s", show(r.Organization.Role), show(asked), h.stale())
}

func (h *hinter) role(name string) {
	if h.noOrganization() {
		return
	}
	have := h.report.Organization.Role
	switch {
	case have == "":
		h.add("role_missing", "the token states no role")
	case normal(have) == normal(name):
	case strings.EqualFold(normal(have), normal(name)):
		h.add("role_case", "the role is %s: upper and lower case differ", show(have))
	default:
		h.add("role_other", "the token says %s, %s", show(have), h.stale())
	}
}

// noOrganization hints at the organization that is not there.
func (h *hinter) noOrganization() bool {
	if h.report.Organization != nil {
		return false
	}
	h.add("no_organization", "no organization is active in this session: roles and permissions are always of one. "+
		"Make one active before the token is fetched; each browser tab may have another")
	return true
}

// scoped hints at a feature or plan. Of a name with colons, the first two parts count.
func (h *hinter) scoped(what, claim string, have *Scoped, name string) {
	if have == nil {
		h.add(what+"_claim", "%s is absent or cannot be read: every check on a %s fails", claim, what)
		return
	}
	scope, id, explicit := strings.Cut(name, ":")
	if !explicit {
		id = name
	}
	id, _, _ = strings.Cut(id, ":")
	if id == "" {
		id = scope
	}
	org, user := slices.Contains(have.Org, id), slices.Contains(have.User, id)
	switch {
	case !org && !user:
		h.add(what+"_missing", "%s has no %s, %s", claim, show(id), h.stale())
	case !explicit:
	case scope == "o" || scope == "org" || scope == "organization":
		if !org {
			h.add(what+"_scope", "%s has %s for the user alone", claim, show(id))
		}
	case scope == "u" || scope == "user":
		if !user {
			h.add(what+"_scope", "%s has %s for the organization alone", claim, show(id))
		}
	default:
		h.add(what+"_scope", "the scope %s is none of o, org, organization, u, user", show(scope))
	}
}
