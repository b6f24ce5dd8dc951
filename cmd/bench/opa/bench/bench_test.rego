package bench_test

import data.bench

# Signatures are tested where there are keys, in Go. Here a token is the JSON of its claims,
# and genuine unless it says otherwise.
_verify(token, constraints) := [true, {}, claims] if {
	constraints == {"cert": "keys", "alg": "RS256", "iss": "https://issuer.test"}
	claims := json.unmarshal(token)
	not claims.forged
}

else := [false, {}, {}]

_issuer := {"iss": "https://issuer.test", "jwks": "keys", "parties": ["https://app.test"]}

_model := {
	"roles": {"org:admin": {"permissions": ["org:sys_memberships:manage"]}, "org:viewer": {"permissions": []}},
	"role_sets": {"starter": {"roles": ["org:admin"]}, "full": {"roles": ["org:admin", "org:viewer"]}},
	"plans": {"free": {"features": ["invoices"], "role_set": "starter"}, "pro": {"features": ["invoices", "reports"], "role_set": "full"}},
	"organizations": {
		"org_free": {"plan": "free"},
		"org_pro": {"plan": "pro"},
		"org_own": {"plan": "pro", "role_set": "starter"},
		"org_gone": {"plan": "pro", "suspended": true},
	},
}

_admin := {
	"azp": "https://app.test", "exp": 1, "fva": [5, 20], "pla": "o:pro", "fea": "o:invoices,o:reports,u:beta",
	"o": {"id": "org_pro", "rol": "admin", "per": "read,create", "fpm": "3,1"},
}

_of(id, role) := object.union(_admin, {"o": {"id": id, "rol": role}})

_allows(claims, question) if {
	decision := bench.decision with input as {"token": json.marshal(claims), "question": question}
		with data.issuer as _issuer
		with data.model as _model
		with io.jwt.decode_verify as _verify
	decision.allow
}

test_token_must_be_genuine if {
	_allows(_admin, {"role": "org:admin"})
	not _allows(object.union(_admin, {"forged": true}), {"role": "org:admin"})
}

test_token_must_expire if not _allows(object.remove(_admin, ["exp"]), {"role": "org:admin"})

test_party_must_be_listed if not _allows(object.union(_admin, {"azp": "https://evil.test"}), {"role": "org:admin"})

test_nothing_asked if not _allows(_admin, {})

test_unknown_key if not _allows(_admin, {"role": "org:admin", "colour": "red"})

test_role if {
	_allows(_of("org_pro", "viewer"), {"role": "org:viewer"})
	not _allows(_of("org_pro", "viewer"), {"role": "org:admin"})
}

test_role_outside_the_set if {
	not _allows(_of("org_free", "viewer"), {"role": "org:viewer"})
	not _allows(_of("org_own", "viewer"), {"role": "org:viewer"})
}

test_suspended if {
	not _allows(_of("org_gone", "admin"), {"role": "org:admin"})
	not _allows(_of("org_gone", "admin"), {"feature": "reports"})
	not _allows(_of("org_gone", "admin"), {"plan": "pro"})
}

test_permission if {
	_allows(_admin, {"permission": "org:invoices:create"})
	_allows(_admin, {"permission": "org:reports:read"})
	not _allows(_admin, {"permission": "org:reports:create"})
}

test_permission_by_plan if not _allows(_of("org_free", "admin"), {"permission": "org:reports:read"})

test_system_permission if {
	_allows(_admin, {"permission": "org:sys_memberships:manage"})
	not _allows(_of("org_pro", "viewer"), {"permission": "org:sys_memberships:manage"})
}

test_feature if {
	_allows(_admin, {"feature": "reports"})
	_allows(_admin, {"feature": "org:reports"})
	_allows(_admin, {"feature": "beta"})
	_allows(_admin, {"feature": "user:beta"})
	not _allows(_admin, {"feature": "org:beta"})
	not _allows(_admin, {"feature": "user:reports"})
	not _allows(_of("org_free", "admin"), {"feature": "reports"})
}

test_plan if {
	_allows(_admin, {"plan": "o:pro"})
	not _allows(_admin, {"plan": "free"})
	not _allows(_of("org_free", "admin"), {"plan": "pro"})
}

test_reverification if {
	_allows(_admin, {"reverification": "moderate"})
	not _allows(_admin, {"reverification": "strict"})
	_allows(_admin, {"reverification": {"level": "first_factor", "afterMinutes": 10}})
	not _allows(_admin, {"reverification": {"level": "first_factor", "afterMinutes": 5}})
	_allows(object.union(_admin, {"fva": [5, -1]}), {"reverification": "strict"})
	not _allows(object.union(_admin, {"fva": [-1, -1]}), {"reverification": "strict"})
}

test_any_and_all if {
	_allows(_admin, {"any": [{"role": "org:viewer"}, {"plan": "pro"}]})
	not _allows(_admin, {"any": [{"role": "org:viewer"}, {"plan": "free"}]})
	_allows(_admin, {"all": [{"role": "org:admin"}, {"plan": "pro"}]})
	not _allows(_admin, {"all": [{"role": "org:admin"}, {"plan": "free"}]})
	_allows(_admin, {"any": [{"role": "org:viewer"}, {"all": [{"role": "org:admin"}, {"plan": "pro"}]}]})
	not _allows(_admin, {"any": [{"all": [{"role": "org:admin"}, {"plan": "free"}]}]})
}
