package postern.extension_test

import data.postern.extension

test_denials_are_reasons if {
	denials := extension.denials with data.postern.extend.deny as {
		"not on Sundays",
		{"code": "reverification_required", "message": "again"},
		{"message": "no"},
		{},
		7,
		false,
		null,
	}
	denials == {
		{"code": "policy_denied", "message": "not on Sundays"},
		{"code": "reverification_required", "message": "again"},
		{"code": "policy_denied", "message": "no"},
		{"code": "policy_denied"},
	}
}

test_denied_by_a_denial_of_any_form if {
	every denial in ["not on Sundays", "", {"code": "policy_denied"}, {}, 7, false, null, []] {
		extension.denied with data.postern.extend.deny as {denial}
	}
}

test_not_denied_without_denials if {
	not extension.denied with data.postern.extend as {}
	not extension.denied with data.postern.extend.deny as set()
	denials := extension.denials with data.postern.extend.deny as set()
	denials == set()
}
