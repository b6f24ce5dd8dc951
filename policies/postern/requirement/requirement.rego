# METADATA
# title: Requirements
# description: |
#   Whether the session meets input.check: any of its terms, and a term is all of its
#   members. A requirement that asks for nothing is not met.
# schemas:
#   - input: schema.input
package postern.requirement

import data.postern.has
import data.postern.reason
import data.postern.session

# METADATA
# description: Whether the session meets what is asked.
met if {
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

# METADATA
# description: Why the session does not meet it, one reason for each member that is not held.
unmet contains {"code": "nothing_asked"} if count(input.check.any) == 0

unmet contains reason.why(member, asked) if {
	session.signed_in
	not met
	some term in input.check.any
	some part in object.get(term, "all", [term])
	some member, asked in part
	not has.holds(member, asked)
}
