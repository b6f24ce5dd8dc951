# METADATA
# title: Routes
# description: |
#   The answer to a proxy: whether a request may go on to the route that governs it, which
#   input.route names. A request that no route lists is denied. What the route requires of
#   the session is input.check, as in POST /v1/check.
# schemas:
#   - input: schema.input
package postern.route

import data.postern.extension
import data.postern.membership
import data.postern.organization
import data.postern.reason
import data.postern.requirement
import data.postern.session

# METADATA
# description: Whether to allow, and for a denial every reason for it.
# entrypoint: true
decision := {"allow": _allow, "reasons": _reasons}

default _allow := false

_allow if {
	_granted
	not extension.denied
}

_granted if input.route.public == true

_granted if {
	input.route.public == false
	session.signed_in
	_in_organization
	_requirement_met
}

# A route that has no requirement asks for a session, or for one in an organization.
_requirement_met if requirement.met

_requirement_met if {
	not input.check
	_session_suffices
}

_session_suffices if input.route.signed_in == true

_session_suffices if _asked

_in_organization if not _asked

_in_organization if {
	_asked_for
	membership.stands
}

# A route names one organization, by its id or by its slug.
_asked := input.route.organization

_asked := input.route.organization_slug

_asked_for if input.route.organization == input.session.org.id

_asked_for if input.route.organization_slug == input.session.org.slug

_reasons contains {"code": "route_unlisted"} if not _listed

# Of a route only single members are read. Decisions are shared between requests that are
# equal in what is read, and the route as a whole has the path's parameters in it.
_listed if is_boolean(input.route.public)

_reasons contains session.refusal if {
	input.route.public == false
	not session.signed_in
}

_reasons contains unmet if {
	input.route.public == false
	some unmet in requirement.unmet
}

_reasons contains _elsewhere if {
	input.route.public == false
	session.signed_in
	_asked
	not _asked_for
}

_reasons contains reason.no_standing if {
	input.route.public == false
	_asked_for
	not membership.stands
}

_reasons contains denial if some denial in extension.denials

_elsewhere := {
	"code": "organization_required",
	"organization": _asked,
	"message": sprintf("the route is for members of %s, and the session is active in %s", [_asked, organization.id]),
} if {
	organization.id
}

else := {
	"code": "organization_required",
	"organization": _asked,
	"message": sprintf("the route is for members of %s, and the session has no active organization", [_asked]),
}
