# METADATA
# title: Searches
# description: |
#   What is asked here is the rule of the evaluation, once for each candidate in the place
#   of what is searched for. So whatever is found, an evaluation allows. Todos are not
#   known here, and so are never found.
# schemas:
#   - input: schema.input
package interop.search

import data.interop.evaluate
import data.interop.facts
import data.interop.gateway
import data.interop.records
import data.interop.todo

# METADATA
# description: The subjects that may do the action to the resource.
# entrypoint: true
subject contains candidate if {
	some candidate in _entities(input.subject.type)
	evaluate.allow with input.subject as candidate
}

# METADATA
# description: The resources to which the subject may do the action.
# entrypoint: true
resource contains candidate if {
	some candidate in _entities(input.resource.type)
	evaluate.allow with input.resource as candidate
}

# METADATA
# description: |
#   What the subject may do to the resource. It is a list and no set: the order of the
#   scenario's actions is kept.
# entrypoint: true
action := [candidate |
	some name in array.concat(records.actions, array.concat(todo.actions, gateway.actions))
	candidate := {"name": name}
	evaluate.allow with input.action as candidate
]

_entities(type) := {{"type": type, "id": id} | some id in _ids[type]}

_ids := {
	"user": (object.keys(facts.people) | object.keys(facts.users)),
	"identity": object.keys(facts.people),
	"record": object.keys(facts.records),
	"route": object.keys(facts.routes),
}
