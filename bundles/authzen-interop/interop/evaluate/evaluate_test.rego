package interop.evaluate_test

import data.interop.evaluate

_rick := "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"

_allow(subject, action, resource) if {
	evaluate.allow with input as {"subject": subject, "action": {"name": action}, "resource": resource}
}

test_each_scenario_has_its_say if {
	_allow({"type": "user", "id": _rick}, "can_create_todo", {"type": "todo", "id": "todo-1"})
	_allow({"type": "identity", "id": _rick}, "POST", {"type": "route", "id": "/todos"})
	_allow({"type": "user", "id": "alice"}, "delete", {"type": "record", "id": "101"})
}

test_scenarios_do_not_mix if {
	not _allow({"type": "user", "id": _rick}, "view", {"type": "record", "id": "101"})
	not _allow({"type": "user", "id": "alice"}, "can_read_todos", {"type": "todo", "id": "todo-1"})
	not _allow({"type": "user", "id": _rick}, "GET", {"type": "route", "id": "/todos"})
	not _allow({"type": "identity", "id": _rick}, "can_read_todos", {"type": "todo", "id": "todo-1"})
}

test_sessions_are_denied if not _allow({"type": "session"}, "can_read_todos", {"type": "todo", "id": "todo-1"})

test_no_question_is_denied if evaluate.allow == false with input as {}
