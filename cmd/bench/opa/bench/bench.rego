# METADATA
# title: The same job, by hand
# description: |
#   What Postern is compared with: a policy of plain OPA that verifies the session token of
#   each request itself and decides by the same model. It says no reasons.
package bench

# METADATA
# description: Whether the session of input.token may do what input.question asks for.
default decision := {"allow": false}

decision := {"allow": true} if _met

# A question is any over all over members; each of the outer two may be missing.
_met if _plain(input.question)

_met if {
	some part in input.question.any
	_plain(part)
}

_met if {
	some part in input.question.any
	_all(part)
}

_met if _all(input.question)

_all(question) if {
	parts := question.all
	every part in parts { _plain(part) }
}

# Every member of one object must hold.
_plain(question) if {
	count(question) > 0
	every key, asked in question { _holds(key, asked) }
}

_claims := claims if {
	[valid, _, claims] := io.jwt.decode_verify(input.token, {
		"cert": data.issuer.jwks,
		"alg": "RS256",
		"iss": data.issuer.iss,
	})
	valid
	claims.exp # decode_verify compares it where it is there
	claims.azp in data.issuer.parties
}

_organization := data.model.organizations[_claims.o.id]

_role := sprintf("org:%s", [_claims.o.rol])

# A suspended organization grants nothing, nor does a role outside the role set.
_stands if {
	not _suspended
	_role in data.model.role_sets[_role_set].roles
}

_suspended if _organization.suspended

_role_set := _organization.role_set

_role_set := data.model.plans[_organization.plan].role_set if not _organization.role_set

_holds("role", asked) if {
	_stands
	asked == _role
}

_holds("permission", asked) if {
	_stands
	startswith(asked, "org:sys_")
	asked in data.model.roles[_role].permissions
}

_holds("permission", asked) if {
	_stands
	[_, feature, action] := split(asked, ":")
	_planned(feature)
	some i, listed in _features
	listed == feature
	some k, named in _actions
	named == action
	bits.and(to_number(_masks[i]), bits.lsh(1, k)) != 0
}

_holds("feature", asked) if {
	not _suspended
	name := _scoped(asked, {"o", "org"})
	name in _features
	_planned(name)
}

_holds("feature", asked) if sprintf("u:%s", [_scoped(asked, {"u", "user"})]) in _listed

_holds("plan", asked) if {
	not _suspended
	name := _scoped(asked, {"o", "org"})
	_claims.pla == sprintf("o:%s", [name])
	_organization.plan == name
}

_holds("reverification", asked) if {
	wanted := _wanted(asked)
	age := _claims.fva[_factor(wanted.level)]
	age != -1
	age < wanted.afterMinutes
}

_planned(feature) if feature in data.model.plans[_organization.plan].features

_listed := split(_claims.fea, ",")

_features := [name |
	some listed in _listed
	startswith(listed, "o:")
	name := substring(listed, 2, -1)
]

# The i-th mask of fpm belongs to the i-th feature, and its bit k to the k-th name of per.
_masks := split(_claims.o.fpm, ",")

_actions := split(_claims.o.per, ",")

_scoped(asked, _) := asked if not contains(asked, ":")

_scoped(asked, scopes) := name if {
	[scope, name] := split(asked, ":")
	scope in scopes
}

_wanted(asked) := {"level": "second_factor", "afterMinutes": {"strict": 10, "moderate": 60}[asked]} if is_string(asked)

_wanted(asked) := asked if is_object(asked)

_factor("first_factor") := 0

_factor("second_factor") := 1 if _claims.fva[1] != -1

# The first factor stands in for a second that was never set up.
_factor("second_factor") := 0 if _claims.fva[1] == -1
