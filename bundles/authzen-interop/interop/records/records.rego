# METADATA
# title: Records
# description: |
#   The search and IdP scenarios: what a user may do to a record, by who owns it and by the
#   departments of both. All of that is known here.
# schemas:
#   - input: schema.input
package interop.records

import data.interop.facts

# METADATA
# description: What there is to be done, in the order in which a search lists it.
actions := ["view", "edit", "delete"]

# METADATA
# description: Whether the subject may do the action to the record.
default allow := false

allow if input.action.name in _may

_may contains action if {
	some action in actions
	_user
	_record.owner == input.subject.id
}

_may contains "view" if _user.department == _record.department

_may contains "view" if {
	_user.role == "manager"
	_record
}

_may contains "edit" if {
	_user.role == "manager"
	_user.department == _record.department
}

_user := facts.users[input.subject.id] if input.subject.type == "user"

_record := facts.records[input.resource.id] if input.resource.type == "record"
