# METADATA
# title: Evaluate
# description: |
#   The answer to an AuthZEN evaluation. About a session it is that of POST /v1/check: an
#   organization action is decided by its rules, every other action is a permission. About
#   other subjects, for whom whoever asks vouches, the library knows nothing and denies.
# schemas:
#   - input: schema.input
package postern.evaluate

import data.postern.action
import data.postern.check
import data.postern.session

# METADATA
# description: |
#   Whether to allow, and for a denial every reason for it. The rules of a check see its
#   input: the name of an organization action as input.action, or the requirement as
#   input.check, and input.action is false.
# entrypoint: true
decision := answer if {
	_of_session
	input.action.name in action.names
	answer := check.decision with input.action as input.action.name
}

decision := answer if {
	_of_session
	not input.action.name in action.names
	answer := check.decision with input.action as false
		with input.check as {"any": [{"permission": input.action.name}]}
}

decision := {"allow": false, "reasons": {{
	"code": "policy_denied",
	"message": "the bundle has no evaluate entrypoint for subjects other than sessions",
}}} if {
	not _of_session
}

# A subject that is a session is one, or there is a reason why it is none.
_of_session if session.signed_in

_of_session if input.credential.code
