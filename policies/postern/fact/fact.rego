# METADATA
# title: Facts
# description: |
#   What only the caller knows, and tells in input.resource: how many members there are,
#   what somebody's role is. A rule that needs a fact cannot do without it, so each has a
#   name here, and the form that it must have.
# schemas:
#   - input: schema.input
package postern.fact

# METADATA
# description: The facts that the caller states in the form that they must have.
stated contains "owned" if _is_count(input.resource.owned)

stated contains "members" if _is_count(input.resource.members)

stated contains "pending" if _is_count(input.resource.pending)

stated contains "holders" if _is_count(input.resource.holders)

stated contains "owners" if _is_count(input.resource.owners)

stated contains "organizations" if _is_count(input.resource.organizations)

stated contains "role" if _is_name(input.resource.role)

stated contains "from" if _is_name(input.resource.from)

stated contains "to" if _is_name(input.resource.to)

stated contains "user_id" if _is_name(input.resource.user_id)

# Domains are compared byte for byte, so what is no ASCII is no domain here.
stated contains "domain" if {
	is_string(input.resource.domain)
	regex.match(`^[!-~]+$`, input.resource.domain)
}

stated contains "email" if {
	is_string(input.resource.email)
	regex.match(`^[!-?A-~]+@[!-?A-~]+$`, input.resource.email)
}

# An organization is named, or null stands for the personal account.
stated contains "organization" if input.resource.organization == null

stated contains "organization" if _is_name(input.resource.organization)

# Who switches to the personal account is a member of nothing.
stated contains "member" if input.resource.organization == null

stated contains "member" if is_boolean(input.resource.member)

# METADATA
# description: A reason for each of the wanted facts that is missing, or not in its form.
missing(wanted) := {reason |
	some name in wanted
	not name in stated
	reason := {
		"code": "action_incomplete",
		"action": input.action,
		"fact": concat(".", ["resource", name]),
		"message": sprintf("%s needs resource.%s, %s", [input.action, name, object.get(_forms, name, "")]),
	}
}

_forms := {
	"owned": "how many organizations the user has, a whole number",
	"members": "how many members the organization has, a whole number",
	"pending": "how many invitations are pending, a whole number",
	"holders": "how many members hold the minimum permissions, a whole number",
	"organizations": "how many organizations the user is a member of, a whole number",
	"role": "the role, a string",
	"from": "the role that the member has, a string",
	"to": "the role that the member is to have, a string",
	"user_id": "whom it is about, a string",
	"domain": "the e-mail domain, a string",
	"email": "the verified e-mail address, a string such as ada@acme.com",
	"organization": "the organization's id, or null for the personal account",
	"member": "whether the user is a member of the organization, true or false",
}

_is_count(value) if {
	is_number(value)
	value >= 0
	value == floor(value)
}

_is_name(value) if {
	is_string(value)
	value != ""
}
