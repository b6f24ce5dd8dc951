# METADATA
# title: The app's own question
# description: |
#   What a session may open in an app that has no organizations, and so no role or
#   permission that a requirement could ask for. The app asks with an action of its own.
package site

import data.postern.check
import data.postern.extension
import data.postern.session

# METADATA
# description: |
#   Whether the token says that its user is an admin: the one text in the one place. A
#   list that holds it, another case, or metadata that is no object is something else.
admin if input.session.metadata.role == "admin"

# METADATA
# description: What there is to open.
types := {"account", "admin"}

# METADATA
# description: |
#   The answer to {"action": "open", "resource": {"type": "admin"}}. Every other question
#   is the library's to answer.
# entrypoint: true
decision := {"allow": _allow, "reasons": _reasons} if input.action == "open"

else := check.decision

default _allow := false

_allow if {
	_granted
	not extension.denied
}

_granted if {
	input.resource.type == "account"
	session.signed_in
}

_granted if {
	input.resource.type == "admin"
	admin
}

_reasons contains session.refusal if not session.signed_in

_reasons contains denial if some denial in extension.denials
