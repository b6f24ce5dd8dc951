package doctor

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/token"
)

const (
	organizationPrefix = "org:"
	systemPrefix       = "org:sys_"
)

// diagnose adds the remarks: what is legal and still not what somebody expects.
func (r *Report) diagnose(claims map[string]jsontext.Value) {
	r.noteSize()
	if r.AuthorizedParty == "" {
		r.note("no_authorized_party", "no azp: serve refuses the token unless the issuer's authorized_parties say any")
	}
	if r.Actor != nil {
		r.note("impersonation", "somebody else acts in the user's place: policies see it as session.actor")
	}
	if !r.clerk {
		return
	}
	if c := r.Header.Cat; c != "" && c != token.SessionCategory {
		r.note("not_a_session", "the header's cat says %s: serve takes session tokens alone", r.Header.Category)
	} else if strings.HasPrefix(r.Subject, "mch_") {
		r.note("not_a_session", "the subject is a machine's")
	}
	if r.Version.Number == 1 {
		r.note("version_1", "the claims are of version 1, which Clerk has deprecated; permissions are not bound to features")
		if claims["o"] != nil {
			r.note("version_mixed", "the claim o counts only where v is the number 2: here it is ignored")
		}
	} else if claims["org_id"] != nil || claims["org_role"] != nil || claims["org_permissions"] != nil {
		r.note("version_mixed", "claims org_… count only in version 1: here they are ignored")
	}
	if r.session != nil && r.Organization == nil {
		r.note("no_organization", "no organization is active: every check on a role or a permission fails. Each browser tab may have another active one")
	}
	r.noteScopes("fea", claims["fea"])
	r.noteScopes("pla", claims["pla"])
	r.noteMasks()
	r.noteRole(claims)
}

// noteSize warns before and beyond what a cookie holds.
func (r *Report) noteSize() {
	if r.Size.CookieLeft < 0 {
		r.note("too_large", "%d bytes are more than a cookie holds: browsers drop it, and sign-in may redirect for ever", r.Size.Bytes)
	} else if r.Size.Bytes*10 > cookieBytes*8 {
		r.note("nearly_too_large", "more than 80 %% of what a cookie holds, which its name has to fit into as well")
	}
	if r.CustomClaims.Bytes > advisedBytes {
		r.note("custom_claims_large", "custom claims take %d bytes, %d more than advised", r.CustomClaims.Bytes, r.CustomClaims.Bytes-advisedBytes)
	}
}

// noteScopes explains a list of scoped names that is not wholly of use.
func (r *Report) noteScopes(claim string, raw jsontext.Value) {
	if raw == nil || raw.Kind() == 'n' {
		return
	}
	list := elements(raw)
	if list == nil {
		if raw.Kind() != '"' {
			r.note("list_malformed", "%s is not text: every check on it fails", claim)
		}
		return
	}
	user := false
	for i, e := range list {
		scope, _, ok := strings.Cut(e, ":")
		switch {
		case !ok:
			r.note("list_malformed", "%s: element %d has no colon: every check on the claim fails", claim, i+1)
			return
		case scope == "u":
			user = true
		case scope == "o" || scope == "uo" || scope == "ou":
			if user && claim == "fea" && r.Masks != nil {
				r.note("mask_positions", "a user's feature stands before one of the organization: masks count the organization's features alone, not all of fea")
				user = false
			}
		default:
			r.note("scope_unknown", "%s: element %d has the scope %s, which is none of o, u, uo: it counts for nobody", claim, i+1, show(scope))
			return
		}
	}
}

// noteMasks sums up what the table of masks shows.
func (r *Report) noteMasks() {
	var malformed, missing []string
	for _, m := range r.Masks {
		switch m.Problem {
		case "malformed":
			malformed = append(malformed, show(m.Feature))
		case "missing":
			missing = append(missing, show(m.Feature))
		}
		if len(m.Unnamed) > 0 {
			r.note("mask_unnamed", "the mask of %s has bits for which o.per has no name: they grant nothing", show(m.Feature))
		}
	}
	if malformed != nil {
		r.note("mask_malformed", "a mask that is not plain decimal digits grants nothing: %s", strings.Join(malformed, ", "))
	}
	if missing != nil && len(r.Permissions) > 0 {
		r.note("mask_missing", "features without a mask have no permissions: %s", strings.Join(missing, ", "))
	}
}

// noteRole explains roles and permissions that are not in the usual form.
func (r *Report) noteRole(claims map[string]jsontext.Value) {
	if r.Organization == nil {
		return
	}
	if strings.HasPrefix(r.Organization.Role, organizationPrefix+organizationPrefix) {
		r.note("role_prefix", "o.rol brings its own org:, which is put before it once more; checks do not mind")
	}
	if slices.ContainsFunc(r.Permissions, func(p string) bool { return strings.HasPrefix(p, systemPrefix) }) {
		r.note("system_permission", "the token carries a system permission (org:sys_…), which Clerk's never do")
	}
	if slices.ContainsFunc(r.Permissions, func(p string) bool { return !strings.HasPrefix(p, organizationPrefix) }) {
		r.note("permission_prefix", "a permission without org: never matches: questions are asked with it")
	}
	if r.Version.Number == 1 && claims["org_permissions"] != nil && claims["org_permissions"].Kind() != '[' {
		r.note("list_malformed", "org_permissions is no list: it grants nothing")
	}
}
