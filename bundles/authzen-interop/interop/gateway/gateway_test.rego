package interop.gateway_test

import data.interop.facts
import data.interop.gateway

_may(subject, method, resource) if {
	gateway.allow with input as {"subject": subject, "action": {"name": method}, "resource": resource}
}

_route(template) := {"type": "route", "id": template}

_identity(name) := {"type": "identity", "id": id} if {
	some id, person in facts.people
	person.name == name
}

_people := {"Rick", "Morty", "Summer", "Beth", "Jerry"}

_who(method, template) := {name | some name in _people; _may(_identity(name), method, _route(template))}

test_everybody_reads if {
	_who("GET", "/users/{userId}") == _people
	_who("GET", "/todos") == _people
}

test_admins_and_editors_write if {
	_who("POST", "/todos") == {"Rick", "Morty", "Summer"}
	_who("PUT", "/todos/{todoId}") == {"Rick", "Morty", "Summer"}
	_who("DELETE", "/todos/{todoId}") == {"Rick", "Morty", "Summer"}
}

# Rick updates as an evil genius: being an admin is not enough.
test_an_update_takes_an_editor_or_an_evil_genius if {
	admin := {"x": {"name": "Admin", "roles": ["admin"]}}
	not _may({"type": "identity", "id": "x"}, "PUT", _route("/todos/{todoId}")) with facts.people as admin
	_may({"type": "identity", "id": "x"}, "DELETE", _route("/todos/{todoId}")) with facts.people as admin
}

test_other_methods_and_routes_are_denied if {
	every method in ["DELETE", "HEAD", "get", ""] { _who(method, "/todos") == set() }
	every template in ["/", "/todos/", "/todos/7", "/todos/{id}", "/Todos"] { _who("GET", template) == set() }
}

test_types_are_told if {
	rick := _identity("Rick")
	not _may(object.union(rick, {"type": "user"}), "GET", _route("/todos"))
	not _may(rick, "GET", {"type": "todo", "id": "/todos"})
	not _may({"type": "identity", "id": "x"}, "GET", _route("/todos"))
	not _may({"type": "identity"}, "GET", _route("/todos"))
}
