package interop.records_test

import data.interop.facts
import data.interop.records

_may(user, action, record) if _asked({"type": "user", "id": user}, action, {"type": "record", "id": record})

_asked(subject, action, resource) if {
	records.allow with input as {"subject": subject, "action": {"name": action}, "resource": resource}
}

# Who may do what to each record, as the scenario expects it.
_table := {
	"101": {"view": "alice bob carol dan", "edit": "alice", "delete": "alice"},
	"102": {"view": "alice bob carol dan", "edit": "bob", "delete": "bob"},
	"103": {"view": "alice bob carol dan", "edit": "carol", "delete": "carol"},
	"104": {"view": "alice dan felix", "edit": "dan", "delete": "dan"},
	"105": {"view": "alice bob carol dan erin", "edit": "erin", "delete": "erin"},
	"106": {"view": "alice dan felix", "edit": "felix", "delete": "felix"},
	"107": {"view": "alice dan", "edit": "alice", "delete": "alice"},
	"108": {"view": "alice bob carol dan", "edit": "bob", "delete": "bob"},
	"109": {"view": "alice carol dan felix", "edit": "carol", "delete": "carol"},
	"110": {"view": "alice dan", "edit": "alice dan", "delete": "dan"},
	"111": {"view": "alice dan erin felix", "edit": "erin", "delete": "erin"},
	"112": {"view": "alice bob carol dan felix", "edit": "felix", "delete": "felix"},
	"113": {"view": "alice dan", "edit": "alice", "delete": "alice"},
	"114": {"view": "alice bob dan felix", "edit": "bob", "delete": "bob"},
	"115": {"view": "alice carol dan erin", "edit": "carol dan", "delete": "carol"},
	"116": {"view": "alice bob carol dan", "edit": "dan", "delete": "dan"},
	"117": {"view": "alice bob carol dan erin", "edit": "erin", "delete": "erin"},
	"118": {"view": "alice dan felix", "edit": "felix", "delete": "felix"},
	"119": {"view": "alice bob carol dan", "edit": "alice", "delete": "alice"},
	"120": {"view": "alice bob dan felix", "edit": "bob", "delete": "bob"},
}

test_the_table_is_of_all_records if object.keys(_table) == object.keys(facts.records)

test_who_may_do_what if {
	every record, row in _table {
		every action, users in row {
			{user | some user, _ in facts.users; _may(user, action, record)} == {user | some user in split(users, " ")}
		}
	}
}

test_what_is_unknown_is_denied if {
	every action in records.actions {
		not _may("alice", action, "999")
		not _may("nobody", action, "101")
		not _asked({"type": "identity", "id": "alice"}, action, {"type": "record", "id": "101"})
		not _asked({"type": "user", "id": "alice"}, action, {"type": "todo", "id": "101"})
		not _asked({"type": "user"}, action, {"type": "record", "id": "101"})
	}
	every action in ["View", "read", ""] { not _may("alice", action, "101") }
}

# A record that knows no owner or department is not opened by a user that knows none.
test_what_is_missing_on_both_sides_is_not_the_same if {
	every action in records.actions {
		not _may("x", action, "y") with facts.users as {"x": {}} with facts.records as {"y": {}}
	}
}

# What a request says of a user or a record does not count.
test_facts_are_not_the_requests_to_state if {
	boss := {"type": "user", "id": "felix", "properties": {"role": "manager", "department": "Legal"}}
	own := {"type": "record", "id": "101", "properties": {"owner": "felix", "department": "Accounting"}}
	every action in records.actions { not _asked(boss, action, own) }
}
