package enterprise_test

import data.postern.check
import data.postern.route

# A session as the server makes it; what its role brings is the model's to say.
_member(org, role) := {
	"issuer": "https://clerk.enterprise.test",
	"profile": "clerk",
	"org": {"id": org, "slug": null, "role": role, "permissions": []},
	"features": null,
	"plans": null,
}

_acme(role) := _member("org_acme", sprintf("org:%s", [role]))

_personal := object.union(_member("", ""), {"org": null})

_roles := {"admin", "manager", "viewer", "billing_admin"}

_codes(decision) := {reason.code | some reason in decision.reasons}

# A request that one of the model's routes governs, by its pattern. Which one that is for a
# path is the server's to find.
_visit(session, pattern) := _at(session, pattern, [3, -1])

_at(session, pattern, factor_age) := decision if {
	some listed in data.model.routes
	listed.match == pattern
	decision := route.decision with input as object.union(_required(listed), {
		"session": session,
		"credential": _credential(session),
		"factor_age": factor_age,
		"route": object.union(object.filter(listed, ["organization"]), {
			"pattern": pattern,
			"params": {},
			"public": object.get(listed, "public", false),
			"signed_in": object.get(listed, "signed_in", false),
		}),
	})
}

_credential(null) := {"code": "token_missing"}

_credential(session) := null if session != null

# What the route requires, as the server normalises it.
_required(listed) := {"check": {"any": object.get(listed.require, "any", [listed.require])}} if listed.require

else := {}

# Which of the roles may go on by a route.
_let_in(pattern) := {role | some role in _roles; _visit(_acme(role), pattern).allow}

_ask(session, requirement) := decision if {
	decision := check.decision with input as {"session": session, "check": {"any": [requirement]}}
}

test_every_route_is_tested_below if {
	count(data.model.routes) == 21
}

test_public_routes_are_for_all if {
	every pattern in ["/health", "/sign-in", "/sign-in/"] {
		_visit(null, pattern).allow
		_visit(_personal, pattern).allow
	}
}

test_no_other_route_is_for_who_is_signed_out if {
	every listed in data.model.routes {
		public := object.get(listed, "public", false)
		_visit(null, listed.match).allow == public
	}
	_codes(_visit(null, "/")) == {"token_missing"}
}

# What is hidden looks like what there is not.
test_admin_pages_are_hidden if {
	hidden := {listed.match | some listed in data.model.routes; listed.deny.status == 404}
	hidden == {"/admin", "/admin/", "admin.example.com/"}
}

test_admin_pages if {
	every pattern in ["/admin", "/admin/"] {
		_let_in(pattern) == {"admin"}
		_codes(_visit(_acme("manager"), pattern)) == {"role_required"}
		_codes(_visit(_personal, pattern)) == {"organization_required"}
	}
}

# To include a manager is not to be one, so the routes name both.
test_management_pages if {
	every pattern in ["/manage", "/manage/"] {
		_let_in(pattern) == {"admin", "manager"}
		_codes(_visit(_acme("viewer"), pattern)) == {"role_required"}
	}
	_codes(_ask(_acme("admin"), {"role": "org:manager"})) == {"role_required"}
}

test_invoices_are_read_by_permission if {
	every pattern in ["GET /billing", "GET /billing/"] {
		_let_in(pattern) == {"admin", "billing_admin"}
		_codes(_visit(_acme("manager"), pattern)) == {"permission_not_granted"}
	}
}

test_paying_is_for_billing_admins if {
	every pattern in ["/billing", "/billing/"] {
		_let_in(pattern) == {"billing_admin"}
		_codes(_visit(_acme("admin"), pattern)) == {"permission_not_granted"}
	}
}

test_data_is_read if {
	_let_in("GET /api/data/{id}") == {"admin", "manager", "viewer"}
	_codes(_visit(_acme("billing_admin"), "GET /api/data/{id}")) == {"permission_not_granted"}
}

test_data_is_written if {
	_let_in("POST /api/data/{id}") == {"admin", "manager"}
	_codes(_visit(_acme("viewer"), "POST /api/data/{id}")) == {"permission_not_granted"}
}

test_data_is_exported if {
	_let_in("GET /api/data/{id}/export") == {"admin", "manager"}
	_codes(_visit(_acme("viewer"), "GET /api/data/{id}/export")) == {"permission_not_granted"}
}

test_data_is_deleted if {
	_let_in("DELETE /api/data/{id}") == {"admin"}
	_codes(_visit(_acme("manager"), "DELETE /api/data/{id}")) == {"permission_not_granted"}
}

test_deletions_ask_for_fresh_factors if {
	every pattern in ["DELETE /api/data/{id}", "DELETE /api/", "DELETE admin.example.com/"] {
		_at(_acme("admin"), pattern, [9, -1]).allow
		_codes(_at(_acme("admin"), pattern, [10, -1])) == {"reverification_required"}
		_codes(_at(_acme("admin"), pattern, [1, 45])) == {"reverification_required"}
	}
	_codes(_at(_acme("viewer"), "DELETE /api/data/{id}", [45, -1])) == {"permission_not_granted", "reverification_required"}
}

test_nothing_else_asks_for_fresh_factors if {
	every pattern in ["/admin/", "POST /api/data/{id}", "/api/", "admin.example.com/"] {
		_at(_acme("admin"), pattern, [45, -1]).allow
	}
}

# What no route lists below /api is not for everybody.
test_the_rest_of_the_api_is_for_admins if {
	every pattern in ["/api", "/api/", "DELETE /api/"] {
		_let_in(pattern) == {"admin"}
		_codes(_visit(_acme("viewer"), pattern)) == {"role_required"}
	}
}

test_the_admin_host_is_for_acmes_admins if {
	every pattern in ["admin.example.com/", "DELETE admin.example.com/"] {
		_let_in(pattern) == {"admin"}
		_codes(_visit(_acme("manager"), pattern)) == {"role_required"}
		_codes(_visit(_member("org_globex", "org:admin"), pattern)) == {"organization_required"}
		_codes(_visit(_personal, pattern)) == {"organization_required"}
	}
}

test_a_customers_admin_is_one_elsewhere if {
	_visit(_member("org_globex", "org:admin"), "/admin/").allow
	_visit(_member("org_unlisted", "org:admin"), "/admin/").allow
}

test_everything_else_asks_for_a_session if {
	_let_in("/") == _roles
	_visit(_personal, "/").allow
}

test_a_suspended_organization_goes_where_no_role_is_asked_for if {
	session := _member("org_initech", "org:admin")
	_visit(session, "/").allow
	_codes(_visit(session, "/admin")) == {"organization_suspended"}
	_codes(_visit(session, "GET /api/data/{id}")) == {"organization_suspended"}
}

test_an_unknown_role_is_nobody if {
	_codes(_visit(_acme("intern"), "GET /api/data/{id}")) == {"role_not_in_role_set"}
	_visit(_acme("intern"), "/").allow
}

test_what_each_role_brings if {
	every permission, roles in {
		"org:data:read": {"admin", "manager", "viewer"},
		"org:data:write": {"admin", "manager"},
		"org:data:export": {"admin", "manager"},
		"org:data:delete": {"admin"},
		"org:billing:read": {"admin", "billing_admin"},
		"org:billing:manage": {"billing_admin"},
		"org:sys_billing:manage": {"billing_admin"},
		"org:sys_memberships:read": {"admin", "manager"},
		"org:sys_memberships:manage": {"admin"},
		"org:sys_profile:delete": {"admin"},
	} {
		{role | some role in _roles; _ask(_acme(role), {"permission": permission}).allow} == roles
	}
}

test_the_token_brings_nothing if {
	session := object.union(_acme("viewer"), {"org": {"permissions": ["org:data:delete"]}})
	_codes(_ask(session, {"permission": "org:data:delete"})) == {"permission_not_granted"}
}

test_not_everybody_makes_an_organization if {
	decision := check.decision with input as {
		"session": _personal,
		"user_id": "user_personal",
		"action": "organization.create",
		"resource": {"owned": 0},
	}
	_codes(decision) == {"action_not_allowed"}
}

_spelled(segments) := decision if {
	decision := route.decision with input as {
		"session": _personal,
		"route": {"pattern": "/", "params": {}, "public": false, "signed_in": true},
		"request": {"segments": segments},
	}
}

test_paths_are_spelled_plainly if {
	every segments in [[], [""], ["reports"], ["a-b_c.d", "E"], ["favicon.ico"]] {
		_spelled(segments).allow
	}
	every segment in ["Admin", "ADMIN", "aPi", "\u212aey", "adm\u0131n", " admin", "admin ", "admin\n"] {
		_codes(_spelled([segment])) == {"route_unlisted"}
	}
}

# Also where the route is public.
test_spelling_holds_for_public_routes if {
	decision := route.decision with input as {
		"session": null,
		"route": {"pattern": "/Health", "params": {}, "public": true},
		"request": {"segments": ["Health"]},
	}
	_codes(decision) == {"route_unlisted"}
}

# A check has no path.
test_spelling_is_of_paths_alone if {
	_ask(_acme("viewer"), {"permission": "org:data:read"}).allow
}
