package postern.reverification_test

import data.postern.reverification

_met(asked, age) if reverification.met(asked) with input.factor_age as age

test_first_factor if {
	_met({"level": "first_factor", "afterMinutes": 10}, [9, -1])
	not _met({"level": "first_factor", "afterMinutes": 10}, [10, 0])
	not _met({"level": "first_factor", "afterMinutes": 10}, [-1, 0])
}

test_second_factor_is_its_own if {
	_met("strict", [999, 9])
	not _met("strict", [0, 10])
}

test_second_factor_falls_back_to_the_first if {
	_met("moderate", [59, -1])
	not _met("moderate", [60, -1])
}

test_multi_factor_needs_both if {
	_met("strict_mfa", [9, 9])
	not _met("strict_mfa", [9, 10])
	not _met("strict_mfa", [10, 9])
	not _met("strict_mfa", [-1, 9])
}

test_multi_factor_falls_back_to_the_first if {
	_met("strict_mfa", [9, -1])
	not _met("strict_mfa", [10, -1])
}

test_never_verified_meets_nothing if {
	not _met("lax", [-1, -1])
	not _met({"level": "first_factor", "afterMinutes": 99999}, [-1, -1])
}

test_lax_is_a_day if {
	_met("lax", [0, 1439])
	not _met("lax", [0, 1440])
}

test_unstated_meets_nothing if not reverification.met("lax") with input as {}

test_malformed_question_is_not_met if {
	malformed := [
		null, "", "Strict", 10, [], {},
		{"level": "third_factor", "afterMinutes": 10},
		{"level": "first_factor", "afterMinutes": "10"},
		{"level": "first_factor", "afterMinutes": 0},
		{"level": "first_factor"},
		{"afterMinutes": 10},
	]
	every asked in malformed { not _met(asked, [0, 0]) }
}
