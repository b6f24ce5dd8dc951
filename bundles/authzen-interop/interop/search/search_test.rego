package interop.search_test

import data.interop.evaluate
import data.interop.facts
import data.interop.search

_jerry := "CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"

_rick := "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"

_subjects(type, action, resource) := found if {
	found := search.subject with input as {"subject": {"type": type}, "action": {"name": action}, "resource": resource}
}

_resources(subject, action, type) := found if {
	found := search.resource with input as {"subject": subject, "action": {"name": action}, "resource": {"type": type}}
}

_actions(subject, resource) := [candidate.name | some candidate in _found_actions(subject, resource)]

_found_actions(subject, resource) := found if {
	found := search.action with input as {"subject": subject, "resource": resource}
}

_ids(found) := {candidate.id | some candidate in found}

_record(id) := {"type": "record", "id": id}

_user(id) := {"type": "user", "id": id}

test_subjects_of_a_record if {
	_subjects("user", "edit", _record("115")) == {_user("carol"), _user("dan")}
	_ids(_subjects("user", "view", _record("107"))) == {"alice", "dan"}
}

test_records_of_a_subject if {
	_resources(_user("bob"), "edit", "record") == {_record("102"), _record("108"), _record("114"), _record("120")}
	_ids(_resources(_user("alice"), "view", "record")) == object.keys(facts.records)
}

# The order is the scenario's, not the alphabet's.
test_actions_keep_their_order if {
	_actions(_user("alice"), _record("101")) == ["view", "edit", "delete"]
	_actions(_user("dan"), _record("115")) == ["view", "edit"]
	_actions(_user("alice"), _record("102")) == ["view"]
	_actions(_user("felix"), _record("101")) == []
}

test_the_other_scenarios_are_searched_too if {
	_actions({"type": "identity", "id": _rick}, {"type": "route", "id": "/todos"}) == ["GET", "POST"]
	_ids(_resources({"type": "identity", "id": _jerry}, "GET", "route")) == {"/todos", "/users/{userId}"}
	_ids(_subjects("identity", "GET", {"type": "route", "id": "/todos"})) == object.keys(facts.people)
	_ids(_subjects("user", "can_read_todos", {"type": "todo", "id": "todo-1"})) == object.keys(facts.people)
	_actions(_user(_jerry), {"type": "todo", "id": "todo-1"}) == ["can_read_todos"]
	_resources(_user(_rick), "can_read_todos", "todo") == set()
}

test_nothing_is_found_for_what_is_unknown if {
	_subjects("user", "view", _record("999")) == set()
	_subjects("user", "view", {"type": "folder", "id": "101"}) == set()
	_subjects("robot", "view", _record("101")) == set()
	_resources(_user("nobody"), "view", "record") == set()
	_resources({"type": "robot", "id": "alice"}, "view", "record") == set()
	_resources(_user("alice"), "view", "folder") == set()
	_resources(_user("alice"), "share", "record") == set()
	_actions(_user("nobody"), _record("101")) == []
	_actions(_user("alice"), _record("999")) == []
	_actions({"type": "robot", "id": "alice"}, {"type": "folder", "id": "101"}) == []
}

test_sessions_find_nothing if {
	_actions({"type": "session"}, _record("101")) == []
	_resources({"type": "session"}, "view", "record") == set()
}

# Both ways: what is found is allowed, and what is allowed of what is known is found.
test_searches_and_evaluations_agree if {
	every user, _ in facts.users {
		every record, _ in facts.records {
			every action in ["view", "edit", "delete", "share"] { _agree(_user(user), action, _record(record)) }
		}
	}
}

_agree(subject, action, resource) if {
	allowed := evaluate.allow with input as {"subject": subject, "action": {"name": action}, "resource": resource}
	allowed == _listed(subject, _subjects(subject.type, action, resource))
	allowed == _listed(resource, _resources(subject, action, resource.type))
	allowed == _listed(action, _actions(subject, resource))
}

_listed(candidate, found) := candidate in found
