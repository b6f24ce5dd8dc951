# METADATA
# title: Check
# description: |
#   The answer to POST /v1/check: whether the session meets a requirement, or may do an
#   action. Anything that is not granted is denied.
# schemas:
#   - input: schema.input
package postern.check

import data.postern.action
import data.postern.extension
import data.postern.requirement
import data.postern.session

# METADATA
# description: |
#   Whether to allow, and for a denial every reason for it. Who is enrolled through a
#   domain is told how.
# entrypoint: true
decision := {"allow": _allow, "reasons": _reasons} if not _enrolled

decision := {"allow": _allow, "reasons": _reasons, "enrollment": action.enrollment} if _enrolled

default _allow := false

_allow if allowed

# METADATA
# description: Whether to allow, for who needs no reasons.
allowed if {
	_granted
	not extension.denied
}

_granted if {
	not input.action
	requirement.met
}

_granted if {
	input.action
	action.allowed
}

_reasons contains session.refusal if not session.signed_in

_reasons contains unmet if some unmet in requirement.unmet

_reasons contains denial if {
	input.action
	some denial in action.denials
}

_reasons contains denial if some denial in extension.denials

_enrolled if {
	input.action == "domain.enroll"
	_allow
}
