package portal_test

import data.postern.check
import data.postern.route
import data.postern.session

# A session as the server makes it from a token of an issuer with claims: oidc, that states
# the organization and the role, and neither permissions, licences nor entitlements.
_session(role, org) := {
	"issuer": "https://id.portal.test",
	"profile": "plain",
	"user_id": "user_asking",
	"org": {"id": org, "slug": null, "role": role, "permissions": []},
	"features": null,
	"plans": null,
}

_personal := object.union(_session("owner", ""), {"org": null})

# The same with what the token lists besides.
_listing(session, permissions, licences, entitlements) := object.union(session, {
	"org": {"permissions": permissions},
	"plans": {"org": licences, "user": []},
	"features": {"org": entitlements, "user": []},
})

_ask(session, requirement) := decision if {
	decision := check.decision with input as {"session": session, "check": {"any": [requirement]}}
}

_may(role, org, permission) := _ask(_session(role, org), {"permission": permission})

# An action of user_asking.
_do(session, action, resource) := decision if {
	decision := check.decision with input as {
		"session": session,
		"user_id": "user_asking",
		"action": action,
		"resource": resource,
	}
}

_codes(decision) := {reason.code | some reason in decision.reasons}

_rules(decision) := {reason.rule | some reason in decision.reasons}

# The table of permissions and roles, as it was before it was a model.
_table := {
	"projects:read": {"owner", "admin", "member", "guest"},
	"projects:write": {"owner", "admin", "member"},
	"projects:delete": {"owner", "admin"},
	"reports:export": {"owner", "admin", "member"},
	"audit:read": {"owner", "admin"},
	"billing:manage": {"owner"},
	"tf:role:sales": set(),
}

test_the_roles_are_the_table if {
	granted := {permission: roles |
		some permission, _ in data.model.permissions
		roles := {role | some role, _ in data.model.roles; _may(role, "harvest", permission).allow}
	}
	granted == _table
}

test_who_is_not_in_the_table_is_told_who_is if {
	decision := _may("member", "northwind", "projects:delete")
	_codes(decision) == {"permission_not_granted"}
	some reason in decision.reasons
	contains(reason.message, "admin, owner")
}

test_names_are_compared_whole if {
	_ask(_session("owner", "northwind"), {"role": "owner"}).allow
	_codes(_ask(_session("owner", "northwind"), {"role": "org:owner"})) == {"role_required"}
	_codes(_may("owner", "northwind", "org:projects:read")) == {"permission_not_granted"}
}

test_owners_hold_what_admins_do_and_are_none if {
	_codes(_ask(_session("owner", "northwind"), {"role": "admin"})) == {"role_required"}
}

test_a_role_of_nobody_grants_nothing if {
	_codes(_may("superuser", "harvest", "projects:read")) == {"role_not_in_role_set"}
	_codes(_may(null, "harvest", "projects:read")) == {"role_not_in_role_set"}
}

test_admins_begin_with_business if {
	_may("admin", "northwind", "projects:read").allow
	_codes(_may("admin", "lagoon", "projects:read")) == {"role_not_in_role_set"}
}

test_system_permissions_are_the_roles if {
	_may("admin", "northwind", "org:sys_memberships:manage").allow
	_may("member", "lagoon", "org:sys_memberships:read").allow
	_codes(_may("member", "lagoon", "org:sys_memberships:manage")) == {"permission_not_granted"}
	_codes(_may("admin", "northwind", "org:sys_profile:delete")) == {"permission_not_granted"}
}

test_a_suspended_organization_grants_nothing if {
	_codes(_may("owner", "frost", "billing:manage")) == {"organization_suspended"}
}

test_without_an_organization_there_is_no_role if {
	_codes(_ask(_personal, {"permission": "projects:read"})) == {"organization_required"}
}

# Of permission_source both: the token adds to the role.
test_a_token_adds_to_the_role if {
	sales := _listing(_session("member", "harvest"), ["tf:role:sales"], ["enterprise"], ["tariffs", "projects"])
	_ask(sales, {"permission": "tf:role:sales"}).allow
	_ask(sales, {"permission": "projects:write"}).allow
	_codes(_may("owner", "harvest", "tf:role:sales")) == {"permission_not_granted"}
}

test_a_token_adds_nothing_to_a_role_outside_the_set if {
	admin := _listing(_session("admin", "lagoon"), ["projects:read"], ["starter"], ["projects"])
	_codes(_ask(admin, {"permission": "projects:read"})) == {"role_not_in_role_set"}
}

test_with_the_source_roles_the_table_is_all if {
	sales := _listing(_session("member", "harvest"), ["tf:role:sales"], ["enterprise"], ["tariffs", "projects"])
	decision := _ask(sales, {"permission": "tf:role:sales"}) with data.model.settings.permission_source as "roles"
	_codes(decision) == {"permission_not_granted"}
}

test_with_the_source_token_roles_bring_nothing_but_system_permissions if {
	decision := _may("owner", "harvest", "projects:read") with data.model.settings.permission_source as "token"
	_codes(decision) == {"permission_not_granted"}
	system := _may("owner", "harvest", "org:sys_profile:delete") with data.model.settings.permission_source as "token"
	system.allow
}

# The middle of tf:role:sales is no feature. What gates it is what the catalogue states.
test_the_catalogue_states_the_feature if {
	sales := _listing(_session("member", "northwind"), ["tf:role:sales"], ["business"], ["projects", "reports"])
	decision := _ask(sales, {"permission": "tf:role:sales"})
	_codes(decision) == {"permission_gated_by_feature"}
	some reason in decision.reasons
	reason.feature == "tariffs"
}

test_without_a_feature_no_licence_is_asked if {
	unlicensed := _listing(_session("owner", "tundra"), [], ["starter"], [])
	_ask(unlicensed, {"permission": "billing:manage"}).allow
	_codes(_ask(unlicensed, {"permission": "projects:read"})) == {"permission_gated_by_feature"}
}

test_reports_begin_with_business if {
	_may("member", "northwind", "reports:export").allow
	decision := _may("member", "lagoon", "reports:export")
	_codes(decision) == {"permission_gated_by_feature"}
	some reason in decision.reasons
	reason.plan == "starter"
}

test_the_audit_log_is_the_enterprises if {
	_may("admin", "harvest", "audit:read").allow
	_codes(_may("admin", "northwind", "audit:read")) == {"permission_gated_by_feature"}
}

# What the catalogue does not have is as good as its token, on every licence.
test_outside_the_catalogue_no_licence_is_asked if {
	reader := _listing(_session("member", "lagoon"), ["tariffs:read"], ["starter"], ["projects"])
	_ask(reader, {"permission": "tariffs:read"}).allow
	_codes(_may("owner", "lagoon", "tariffs:read")) == {"permission_not_granted"}
}

test_a_licence_in_the_token_adds_nothing_to_the_models if {
	forged := _listing(_session("member", "lagoon"), [], ["enterprise"], ["projects", "reports"])
	_codes(_ask(forged, {"permission": "reports:export"})) == {"permission_gated_by_feature"}
	_codes(_ask(forged, {"plan": "enterprise"})) == {"plan_required"}
}

# Where the model states no plan, any of the token's licences will do.
test_licences_stand_beside_each_other if {
	sales := _listing(_session("member", "tundra"), ["tf:role:sales"], ["business", "tariff_desk"], ["projects", "reports", "tariffs"])
	_ask(sales, {"permission": "tf:role:sales"}).allow
	_ask(sales, {"permission": "reports:export"}).allow
	_codes(_ask(sales, {"permission": "audit:read"})) == {"permission_gated_by_feature"}
	_ask(sales, {"plan": "tariff_desk"}).allow
}

test_a_licence_unheard_of_has_no_features if {
	odd := _listing(_session("owner", "tundra"), [], ["platinum"], ["projects"])
	_codes(_ask(odd, {"permission": "projects:read"})) == {"permission_gated_by_feature"}
}

test_without_licences_the_default_stands_in if {
	_may("member", "tundra", "projects:write").allow
	_codes(_may("member", "tundra", "reports:export")) == {"permission_gated_by_feature"}
}

# Entitlements are what the licence has come to: they may lack, and never add.
test_an_entitlement_may_take_away if {
	lapsed := _listing(_session("owner", "harvest"), [], ["enterprise"], ["projects"])
	_ask(lapsed, {"permission": "projects:write"}).allow
	_codes(_ask(lapsed, {"permission": "reports:export"})) == {"permission_gated_by_feature"}
}

test_an_entitlement_adds_nothing if {
	entitled := _listing(_session("owner", "northwind"), [], ["business"], ["projects", "reports", "audit"])
	_codes(_ask(entitled, {"permission": "audit:read"})) == {"permission_gated_by_feature"}
	_codes(_ask(entitled, {"feature": "audit"})) == {"feature_required"}
	_ask(entitled, {"feature": "reports"}).allow
}

# What anybody about to be removed is said to be, where enough others hold the minimum.
_member(role) := {"user_id": "user_other", "role": role, "holders": 2}

_change(from, to) := {"user_id": "user_other", "from": from, "to": to, "holders": 2}

test_admins_manage_members_and_guests if {
	admin := _session("admin", "northwind")
	_do(admin, "membership.remove", _member("member")).allow
	_do(admin, "membership.remove", _member("guest")).allow
	_do(admin, "membership.update_role", _change("guest", "member")).allow
}

test_admins_neither_give_nor_take_admin if {
	admin := _session("admin", "northwind")
	_rules(_do(admin, "membership.update_role", _change("member", "admin"))) == {"role_managed"}
	_rules(_do(admin, "membership.update_role", _change("admin", "member"))) == {"role_managed"}
	_rules(_do(admin, "membership.remove", _member("admin"))) == {"self_or_role_managed"}
	_rules(_do(admin, "membership.add", {"role": "admin", "members": 2, "pending": 0})) == {"role_managed"}
}

test_owners_give_and_take_every_role if {
	owner := _session("owner", "northwind")
	_do(owner, "membership.update_role", _change("member", "admin")).allow
	_do(owner, "membership.update_role", _change("admin", "guest")).allow
	_do(owner, "membership.update_role", _change("admin", "owner")).allow
	_do(owner, "membership.update_role", _change("owner", "admin")).allow
	_do(owner, "membership.remove", _member("admin")).allow
}

test_only_owners_make_owners if {
	admin := _session("admin", "northwind")
	_rules(_do(admin, "membership.update_role", _change("member", "owner"))) == {"role_managed"}
	_codes(_do(admin, "membership.update_role", _change("owner", "member"))) == {"role_required"}
}

test_owners_are_not_removed if {
	_rules(_do(_session("owner", "northwind"), "membership.remove", _member("owner"))) == {"not_owner"}
	"not_owner" in _rules(_do(_session("admin", "northwind"), "membership.remove", _member("owner")))
}

test_owners_do_not_leave if {
	_rules(_do(_session("owner", "northwind"), "membership.leave", _leaving("owner", 2))) == {"not_owner"}
}

_leaving(role, organizations) := {"user_id": "user_asking", "role": role, "holders": 2, "organizations": organizations}

# Only owners hold all of the minimum permissions, so the last of them stays one.
test_the_last_owner_stays_one if {
	change := object.union(_change("owner", "admin"), {"user_id": "user_asking", "holders": 1})
	_rules(_do(_session("owner", "northwind"), "membership.update_role", change)) == {"minimum_holders"}
}

test_members_manage_nobody if {
	every role in ["member", "guest"] {
		someone := _session(role, "northwind")
		"memberships_manage" in _rules(_do(someone, "membership.update_role", _change("guest", "member")))
		"self_or_memberships_manage" in _rules(_do(someone, "membership.remove", _member("guest")))
	}
}

# A token may list a system permission as well. It makes nobody a manager of a role that
# says who its managers are; the role of who joins says nobody.
test_a_permission_manages_no_role if {
	helper := _listing(_session("member", "northwind"), ["org:sys_memberships:manage"], ["business"], ["projects"])
	_rules(_do(helper, "membership.remove", _member("member"))) == {"self_or_role_managed"}
	_codes(_do(helper, "membership.remove", _member("member"))) == {"role_required"}
	_rules(_do(helper, "membership.update_role", _change("guest", "member"))) == {"role_managed"}
	_do(helper, "membership.remove", _member("guest")).allow
}

test_members_leave_but_not_their_last_organization if {
	_do(_session("member", "northwind"), "membership.leave", _leaving("member", 2)).allow
	decision := _do(_session("member", "northwind"), "membership.leave", _leaving("member", 1))
	_codes(decision) == {"organization_required"}
}

test_one_leaves_for_oneself if {
	resource := object.union(_leaving("member", 2), {"user_id": "user_other"})
	_rules(_do(_session("admin", "northwind"), "membership.leave", resource)) == {"self"}
}

test_a_missing_fact_is_named if {
	decision := _do(_session("owner", "northwind"), "membership.remove", {"user_id": "user_other", "role": "member"})
	{reason.fact | some reason in decision.reasons} == {"resource.holders"}
	_codes(decision) == {"action_incomplete"}
}

_invited(members, pending) := {"email": "ada@new.example", "role": "member", "members": members, "pending": pending}

test_invitations_that_are_pending_count if {
	_do(_session("admin", "northwind"), "membership.invite", _invited(8, 1)).allow
	_rules(_do(_session("admin", "northwind"), "membership.invite", _invited(8, 2))) == {"membership_limit"}
	_do(_session("owner", "lagoon"), "membership.invite", _invited(2, 0)).allow
	_rules(_do(_session("owner", "lagoon"), "membership.invite", _invited(1, 2))) == {"membership_limit"}
}

test_the_organizations_own_limit_wins if {
	_do(_session("admin", "harvest"), "membership.invite", _invited(49, 0)).allow
	_rules(_do(_session("admin", "harvest"), "membership.invite", _invited(50, 0))) == {"membership_limit"}
}

# The first licence of the token is the one whose limit counts.
test_the_first_licence_limits if {
	business := _listing(_session("owner", "tundra"), [], ["business", "tariff_desk"], ["projects"])
	_do(business, "membership.invite", _invited(9, 0)).allow
	_rules(_do(business, "membership.invite", _invited(10, 0))) == {"membership_limit"}
	desk := _listing(_session("owner", "tundra"), [], ["tariff_desk", "business"], ["projects"])
	_rules(_do(desk, "membership.invite", _invited(3, 0))) == {"membership_limit"}
}

test_admins_are_not_invited_on_starter if {
	invited := object.union(_invited(1, 0), {"role": "admin"})
	_do(_session("owner", "northwind"), "membership.invite", invited).allow
	_codes(_do(_session("owner", "lagoon"), "membership.invite", invited)) == {"role_not_in_role_set"}
}

_joining(domain, members) := {
	"email": concat("@", ["ada", domain]),
	"domain": domain,
	"members": members,
	"pending": 0,
}

test_colleagues_join_through_the_domain if {
	decision := _do(_personal, "domain.enroll", _joining("northwind.example", 2))
	decision.allow
	decision.enrollment == {"organization": "northwind", "mode": "automatic_invitation", "role": "guest"}
	suggested := _do(_personal, "domain.enroll", _joining("guests.lagoon.example", 2))
	suggested.enrollment == {"organization": "lagoon", "mode": "automatic_suggestion", "role": "guest"}
	connected := _do(_personal, "domain.enroll", _joining("harvest.example", 2))
	connected.enrollment.mode == "enterprise_connection"
}

test_some_domains_need_an_invitation if {
	_rules(_do(_personal, "domain.enroll", _joining("lagoon.example", 2))) == {"enrollment_mode"}
}

test_nobody_joins_through_a_domain_that_is_not_verified if {
	"domain_verified" in _rules(_do(_personal, "domain.enroll", _joining("mail.example", 2)))
	forged := object.union(_joining("northwind.example", 2), {"email": "ada@mail.example"})
	_rules(_do(_personal, "domain.enroll", forged)) == {"email_domain"}
}

test_nobody_joins_a_full_or_suspended_organization if {
	_rules(_do(_personal, "domain.enroll", _joining("northwind.example", 10))) == {"membership_limit"}
	_rules(_do(_personal, "domain.enroll", _joining("frost.example", 2))) == {"not_suspended"}
}

test_there_are_no_personal_accounts if {
	_codes(_do(_personal, "organization.switch", {"organization": null})) == {"organization_required"}
	_do(_personal, "organization.switch", {"organization": "northwind", "member": true}).allow
	_rules(_do(_personal, "organization.switch", {"organization": "northwind", "member": false})) == {"member"}
}

test_partners_create_organizations if {
	decision := _create("user_partner", 1)
	decision.allow
	_rules(_create("user_partner", 2)) == {"creation_limit"}
	_rules(_create("user_asking", 0)) == {"creation_allowed"}
}

_create(user, owned) := decision if {
	decision := check.decision with input as {
		"session": object.union(_personal, {"user_id": user}),
		"user_id": user,
		"action": "organization.create",
		"resource": {"owned": owned},
	}
}

test_owners_delete_where_the_switch_is_on if {
	_do(_session("owner", "northwind"), "organization.delete", {}).allow
	_rules(_do(_session("owner", "harvest"), "organization.delete", {})) == {"deletion_enabled"}
	_rules(_do(_session("admin", "northwind"), "organization.delete", {})) == {"profile_delete"}
}

# A route below /o/ that forgot its organization would open it to owners of all others.
test_every_route_of_an_organization_asks_for_it if {
	routes := [candidate | some candidate in data.model.routes; contains(candidate.match, "/o/")]
	count(routes) > 5
	every candidate in routes {
		candidate.organization == "{org}"
		candidate.deny
	}
}

_request(session, org, requirement) := decision if {
	decision := route.decision with input as {
		"session": session,
		"check": {"any": [requirement]},
		"route": {"pattern": "/o/{org}/", "params": {"org": org}, "public": false, "organization": org},
	}
}

test_owners_of_one_organization_are_nobody_in_another if {
	billing := {"permission": "billing:manage"}
	_request(_session("owner", "northwind"), "northwind", billing).allow
	_codes(_request(_session("owner", "northwind"), "harvest", billing)) == {"organization_required"}
	_codes(_request(_personal, "northwind", billing)) == {"organization_required"}
}

test_what_a_session_amounts_to if {
	effective := session.effective with input as {"session": _listing(_session("guest", "harvest"), ["tf:role:sales"], ["enterprise"], ["projects", "tariffs"])}
	effective.role == "guest"
	effective.plan == "enterprise"
	effective.permissions == ["projects:read", "tf:role:sales"]
	effective.features == ["projects", "tariffs"]
}
