package interop.todo_test

import data.interop.facts
import data.interop.todo

# Who is asked for by name here is named by an id of the identity provider in requests.
_person(name) := {"type": "user", "id": id} if {
	some id, person in facts.people
	person.name == name
}

_may(subject, action, resource) if {
	todo.allow with input as {"subject": subject, "action": {"name": action}, "resource": resource}
}

_user := {"type": "user", "id": "beth@the-smiths.com"}

_todo := {"type": "todo", "id": "todo-1"}

_of(owner) := {"type": "todo", "id": "7240d0db-8ff0-41ec-98b2-34a096273b92", "properties": {"ownerID": owner}}

_rick := "rick@the-citadel.com"

# For each person: the own address, and what is allowed with a todo of Rick's and an own one.
_table := {
	"Rick": {"own": _rick, "creates": true, "rick": {"can_update_todo", "can_delete_todo"}, "self": {"can_update_todo", "can_delete_todo"}},
	"Morty": {"own": "morty@the-citadel.com", "creates": true, "rick": set(), "self": {"can_update_todo", "can_delete_todo"}},
	"Summer": {"own": "summer@the-smiths.com", "creates": true, "rick": set(), "self": {"can_update_todo", "can_delete_todo"}},
	"Beth": {"own": "beth@the-smiths.com", "creates": false, "rick": set(), "self": set()},
	"Jerry": {"own": "jerry@the-smiths.com", "creates": false, "rick": set(), "self": set()},
}

_names := object.keys(_table)

test_the_table_is_of_all_people if _names == {person.name | some person in facts.people}

test_everybody_reads if {
	every name in _names {
		_may(_person(name), "can_read_user", _user)
		_may(_person(name), "can_read_todos", _todo)
	}
}

test_who_creates if {
	{name | some name in _names; _may(_person(name), "can_create_todo", _todo)} == {name | some name, row in _table; row.creates}
}

test_what_is_done_to_anothers_and_to_ones_own if {
	every name, row in _table {
		_done(name, _rick) == row.rick
		_done(name, row.own) == row.self
	}
}

_done(name, owner) := {action |
	some action in ["can_update_todo", "can_delete_todo"]
	_may(_person(name), action, _of(owner))
}

# Rick alone gets by without knowing whose a todo is.
test_a_todo_without_an_owner_is_nobodys if {
	every resource in [_todo, object.union(_todo, {"properties": {}}), _of(null), _of(["morty@the-citadel.com"])] {
		every action in ["can_update_todo", "can_delete_todo"] {
			{name | some name in _names; _may(_person(name), action, resource)} == {"Rick"}
		}
	}
}

test_people_that_are_not_known_do_nothing if {
	every subject in [{"type": "user", "id": "x"}, {"type": "user", "id": _rick}, {"type": "user"}, object.union(_person("Rick"), {"type": "identity"})] {
		every action in todo.actions {
			not _may(subject, action, _of(_rick))
			not _may(subject, action, _user)
		}
	}
}

# What a request says of a person does not count.
test_roles_are_not_the_requests_to_state if {
	stated := object.union(_person("Beth"), {"properties": {"roles": ["admin", "evil_genius"], "email": _rick}})
	every action in ["can_create_todo", "can_update_todo", "can_delete_todo"] { not _may(stated, action, _of(_rick)) }
}

test_actions_are_of_a_type if {
	rick := _person("Rick")
	not _may(rick, "can_read_user", _todo)
	not _may(rick, "can_read_todos", _user)
	not _may(rick, "can_delete_todo", object.union(_of(_rick), {"type": "user"}))
	not _may(rick, "can_delete_todo", object.union(_of(_rick), {"type": "record"}))
	not _may(rick, "can_fly", _todo)
}
