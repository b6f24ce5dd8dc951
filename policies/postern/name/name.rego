# METADATA
# title: Names
# description: |
#   How names are spelled. Clerk's has() takes "admin" and "org:admin" for the same
#   role, and "org:reports" for the feature reports of the organization. Sessions of
#   other issuers compare names whole. The session's profile says which holds.
# schemas:
#   - input: schema.input
package postern.name

# METADATA
# description: Whether has()'s spelling holds for this session.
clerk if input.session.profile == "clerk"

# METADATA
# description: A role as the session or a question spells it, in the one spelling that is compared.
role(spelled) := _prefixed(spelled) if clerk

else := spelled

# METADATA
# description: A permission as a question spells it, in the spelling that sessions and the model use.
permission(spelled) := _prefixed(spelled) if clerk

else := spelled

# METADATA
# description: |
#   The feature or plan that a question names, and the lists it is looked for in.
#   Clerk: "x" is looked for in both lists, "org:x" in the organization's, "user:x" in
#   the user's, and whatever follows a second colon is dropped. An empty name after the
#   scope makes the scope the name. Any other scope is looked for nowhere.
scoped(spelled) := {"id": parts[0], "scopes": {"org", "user"}} if {
	clerk
	parts := split(spelled, ":")
	count(parts) == 1
}

else := {"id": _scoped_id(parts[0], parts[1]), "scopes": object.get(_scopes, parts[0], set())} if {
	clerk
	parts := split(spelled, ":")
}

else := {"id": spelled, "scopes": {"org", "user"}}

_scopes := {
	"o": {"org"},
	"org": {"org"},
	"organization": {"org"},
	"u": {"user"},
	"user": {"user"},
}

_scoped_id(scope, "") := scope

_scoped_id(_, id) := id if id != ""

# Every leading "org:" goes, then one comes back, so that no spelling has two.
_prefixed(spelled) := concat("", ["org:", regex.replace(spelled, `^(?:org:)+`, "")])
