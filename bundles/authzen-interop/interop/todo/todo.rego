# METADATA
# title: Todo
# description: |
#   The todo scenario: what a person may do in a list of todos. The roles and the e-mail
#   address of a person are known here; whose a todo is, the request says.
# schemas:
#   - input: schema.input
package interop.todo

import data.interop.facts

# METADATA
# description: What there is to be done, in the order in which a search lists it.
actions := ["can_read_user", "can_read_todos", "can_create_todo", "can_update_todo", "can_delete_todo"]

# METADATA
# description: Whether the subject may do the action to the user or the todo.
default allow := false

allow if {
	input.resource.type == "user"
	input.action.name == "can_read_user"
	_person
}

allow if {
	input.resource.type == "todo"
	input.action.name in _may
}

_may contains "can_read_todos" if _person

_may contains "can_create_todo" if {
	some role in {"admin", "editor"}
	role in _person.roles
}

_may contains "can_update_todo" if "evil_genius" in _person.roles

_may contains "can_update_todo" if _edits_own

_may contains "can_delete_todo" if "admin" in _person.roles

_may contains "can_delete_todo" if _edits_own

_edits_own if {
	"editor" in _person.roles
	_person.email == input.resource.properties.ownerID
}

_person := facts.people[input.subject.id] if input.subject.type == "user"
