package metadata_role_test

import data.postern.extend
import data.postern.route
import data.site

_issuer := "https://clerk.site.test"

# A session as the server makes it: without the claim, its metadata is null.
_session(metadata) := {"issuer": _issuer, "profile": "clerk", "org": null, "features": null, "plans": null, "metadata": metadata}

_admin := _session({"role": "admin"})

_user := _session(null)

# What says "admin" and is not the text in its place.
_pretenders := [
	null, {}, "admin", ["admin"], [{"role": "admin"}], {"roles": "admin"}, {"role": null},
	{"role": ["admin"]}, {"role": {"admin": true}}, {"role": "Admin"}, {"role": "ADMIN"},
	{"role": " admin"}, {"role": "admin,moderator"}, {"role": "org:admin"}, {"role": ""},
	{"role": true}, {"role": 1}, {"role": "moderator"}, {"nested": {"role": "admin"}},
]

_codes(decision) := {reason.code | some reason in decision.reasons}

# A request of a session that a route governs, one that asks for a session alone.
_visit(session, segments) := _governed(session, segments, {"pattern": "/", "params": {}, "public": false, "signed_in": true})

_governed(session, segments, governs) := decision if {
	decision := route.decision with input as {
		"session": session,
		"credential": _credential(session),
		"route": governs,
		"request": {"segments": segments},
	}
}

_credential(null) := {"code": "token_missing"}

_credential(session) := null if session != null

_open(session, type) := _ask(session, {"action": "open", "resource": {"type": type}})

_ask(session, question) := decision if {
	decision := site.decision with input as object.union(question, {"session": session, "credential": _credential(session)})
}

test_admins_enter if {
	_visit(_admin, ["admin"]).allow
	_visit(_admin, ["admin", "users"]).allow
	_visit(_admin, ["settings"]).allow
}

test_nobody_else_enters if {
	every metadata in _pretenders {
		_codes(_visit(_session(metadata), ["admin"])) == {"role_required"}
		_codes(_visit(_session(metadata), ["admin", "users"])) == {"role_required"}
	}
}

test_everybody_else_may_go_elsewhere if {
	every metadata in _pretenders {
		_visit(_session(metadata), ["settings"]).allow
	}
}

test_who_is_signed_out_enters_nowhere if {
	_codes(_visit(null, ["settings"])) == {"token_missing"}
	_codes(_visit(null, ["admin"])) == {"token_missing", "role_required"}
}

test_what_only_looks_like_admin_is_not if {
	every segments in [["adminx"], ["administration"], ["settings", "admin"], ["admin.html"], [""], []] {
		_visit(_user, segments).allow
	}
}

test_admin_in_another_case_is_admin if {
	every segment in ["Admin", "ADMIN", "aDMIN"] {
		_codes(_visit(_user, [segment, "users"])) == {"role_required"}
	}
	_visit(_admin, ["Admin", "users"]).allow
}

# A route that somebody adds, public by mistake or by a pattern of its own.
test_no_route_opens_what_is_below_admin if {
	public := {"pattern": "/admin/logo", "params": {}, "public": true}
	every session in [_user, null] {
		_codes(_governed(session, ["admin", "logo"], public)) == {"role_required"}
	}
	_governed(_admin, ["admin", "logo"], public).allow
	param := {"pattern": "/{area}/users", "params": {"area": "admin"}, "public": false, "signed_in": true}
	_codes(_governed(_user, ["admin", "users"], param)) == {"role_required"}
}

test_an_unlisted_route_is_denied_to_admins if {
	_codes(_governed(_admin, ["admin"], null)) == {"route_unlisted"}
}

# A route cannot ask for metadata, so each of them asks for a session, or for nothing.
test_what_is_public if {
	public := {listed.match | some listed in data.model.routes; listed.public}
	public == {"/{$}", "/health", "/sign-in", "/sign-in/"}
	some catch_all in data.model.routes
	catch_all.match == "/"
	catch_all.signed_in
}

test_apps_ask_the_same if {
	_open(_admin, "admin").allow
	_open(_admin, "account").allow
	_open(_user, "account").allow
	every metadata in _pretenders {
		_codes(_open(_session(metadata), "admin")) == {"role_required"}
	}
}

test_apps_of_nobody_are_told_so if {
	_codes(_open(null, "account")) == {"token_missing"}
	_codes(_open(null, "admin")) == {"token_missing", "role_required"}
}

# A wrong type would otherwise be one that nothing is known of.
test_a_resource_states_its_type if {
	every type in ["Admin", "admins", "", null, true, ["admin"], {"admin": true}] {
		_codes(_open(_admin, type)) == {"action_incomplete"}
	}
	every question in [{"action": "open"}, {"action": "open", "resource": {}}, {"action": "open", "resource": {"kind": "admin"}}] {
		_codes(_ask(_admin, question)) == {"action_incomplete"}
	}
}

test_a_resource_states_its_type_whatever_is_asked if {
	fresh := {"check": {"any": [{"reverification": "strict"}]}, "factor_age": [1, 1]}
	every resource in [{"type": "Admin"}, {}] {
		_codes(_ask(_user, object.union(fresh, {"resource": resource}))) == {"action_incomplete"}
	}
}

# It is granted to admins alone, and not merely denied to others.
test_opening_is_granted_and_not_only_not_denied if {
	every metadata in _pretenders {
		decision := _open(_session(metadata), "admin") with extend.deny as set()
		not decision.allow
	}
	decision := _open(null, "account") with extend.deny as set()
	not decision.allow
}

test_a_type_grants_nothing_by_itself if {
	every type in ["account", "admin"] {
		_codes(_ask(_admin, {"check": {"any": []}, "resource": {"type": type}})) == {"nothing_asked"}
	}
	_codes(_ask(_user, {"check": {"any": []}, "resource": {"type": "admin"}})) == {"nothing_asked", "role_required"}
}

# Whatever is asked besides must be met besides.
test_requirements_stay_the_librarys if {
	fresh := {"check": {"any": [{"reverification": "strict"}]}, "resource": {"type": "admin"}}
	_ask(_admin, object.union(fresh, {"factor_age": [1, 1]})).allow
	_codes(_ask(_admin, object.union(fresh, {"factor_age": [30, 30]}))) == {"reverification_required"}
	_codes(_ask(_user, object.union(fresh, {"factor_age": [1, 1]}))) == {"role_required"}
	_codes(_ask(_admin, {"check": {"any": [{"role": "admin"}]}, "resource": {"type": "admin"}})) == {"organization_required"}
}

test_requirements_need_no_resource if {
	_ask(_user, {"check": {"any": [{"reverification": "strict"}]}, "factor_age": [1, 1]}).allow
}

test_actions_of_organizations_are_none_here if {
	question := {"action": "organization.create", "resource": {"owned": 0}}
	"action_incomplete" in _codes(_ask(_admin, question))
}

# A role in an organization of one's own is no role in the app.
test_an_organizations_admin_is_no_admin if {
	session := object.union(_user, {"org": {"id": "org_own", "slug": "own", "role": "org:admin", "permissions": []}})
	_codes(_visit(session, ["admin"])) == {"role_required"}
	_codes(_open(session, "admin")) == {"role_required"}
}

test_the_rule_says_whom_it_is_for if {
	denials := extend.deny with input as {"session": _user, "resource": {"type": "admin"}}
	denials == {{
		"code": "role_required",
		"role": "admin",
		"message": "this is for sessions whose metadata.role is the text admin",
	}}
}
