package postern.condition

import data.postern.roleset

# METADATA
# description: How a domain enrolls who has an address of it.
enrollment := {
	"organization": _target,
	"mode": _mode,
	"role": _default_role,
}

_domain := lower(input.resource.domain)

# The organization that has verified the domain. Where several have, the caller says which.
_enrolling := min(_verifiers) if count(_verifiers) == 1

_verifiers := {id |
	some id, definition in data.model.organizations
	definition.domains[_domain]
}

_mode := data.model.organizations[_target].domains[_domain]

# METADATA
# description: The conditions that hold.
met contains "domain_verified" if {
	_mode
	not _odd_organization
}

# METADATA
# description: The organization has verified the domain.
why["domain_verified"] := {
	"code": "action_incomplete",
	"fact": "resource.organization",
	"message": sprintf("%s is verified by several organizations; resource.organization says which is meant", [_domain]),
} if {
	not _says_organization
	count(_verifiers) > 1
}

why["domain_verified"] := {
	"code": "action_not_allowed",
	"message": sprintf("no organization has verified %s", [_domain]),
} if {
	not _says_organization
	count(_verifiers) == 0
}

why["domain_verified"] := {
	"code": "action_not_allowed",
	"organization": input.resource.organization,
	"message": sprintf("%s has not verified %s", [input.resource.organization, _domain]),
} if {
	_says_organization
	not _odd_organization
}

why["domain_verified"] := {
	"code": "action_incomplete",
	"fact": "resource.organization",
	"message": "resource.organization is no organization's id; without it, the one that has verified the domain is meant",
} if {
	_odd_organization
}

met contains "email_domain" if lower(split(input.resource.email, "@")[1]) == _domain

# METADATA
# description: The address is one of the domain.
why["email_domain"] := {
	"code": "action_not_allowed",
	"message": sprintf("the address is none of %s", [_domain]),
}

# By a manual invitation nobody enrolls by himself.
met contains "enrollment_mode" if _mode in {"automatic_invitation", "automatic_suggestion", "enterprise_connection"}

# METADATA
# description: The domain's mode lets users enroll by themselves.
why["enrollment_mode"] := {
	"code": "action_not_allowed",
	"organization": _target,
	"message": sprintf("%s of %s enrolls by invitation alone", [_domain, _target]),
} if {
	_mode
}

met contains "default_role" if _default_role

_default_role := role if {
	role := roleset.default_role(_target)
	roleset.assignable(_target, role)
}

# METADATA
# description: The organization's role set has a default role.
why["default_role"] := {
	"code": "role_not_in_role_set",
	"organization": _target,
	"message": sprintf("the role set of %s names no default role", [_target]),
}
