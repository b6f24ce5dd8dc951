# METADATA
# title: Check
# description: |
#   The answer to POST /v1/check: whether the session holds what is asked. input.check
#   is any of its terms, and a term is all of its members. Nothing asked is not granted.
package postern.check

import data.postern.has
import data.postern.reason
import data.postern.session

# METADATA
# description: Whether to allow, and for a denial every reason for it.
# entrypoint: true
decision := {"allow": _allow, "reasons": _reasons}

default _allow := false

_allow if {
	_granted
	not _narrowed
}

_granted if {
	session.signed_in
	some term in input.check.any
	_holds_term(term)
}

# A term with "all" asks one member for several values: each of its parts must hold.
_holds_term(term) if {
	object.keys(term) == {"all"}
	count(term.all) > 0
	every part in term.all { _holds_part(part) }
}

_holds_term(term) if _holds_part(term)

_holds_part(part) if {
	count(part) > 0
	every member, asked in part { has.holds(member, asked) }
}

_narrowed if count(data.postern.extend.deny) > 0

_reasons contains session.refusal if not session.signed_in

_reasons contains {"code": "nothing_asked"} if {
	count(input.check.any) == 0
}

_reasons contains {"code": "action_not_allowed", "action": input.action} if {
	is_string(input.action)
}

_reasons contains reason.why(member, asked) if {
	session.signed_in
	not _granted
	some term in input.check.any
	some part in object.get(term, "all", [term])
	some member, asked in part
	not has.holds(member, asked)
}

_reasons contains denial if some denial in denials

# METADATA
# description: |
#   The bundle's own denials, as reasons. They take away what was granted and never add to
#   it, also where another entrypoint decides.
# entrypoint: true
denials contains _extension(denial) if some denial in data.postern.extend.deny

_extension(denial) := object.union({"code": "policy_denied"}, denial) if is_object(denial)

else := {"code": "policy_denied", "message": denial} if is_string(denial)

else := {"code": "policy_denied"}
