# METADATA
# title: The session
# description: |
#   Who is asking, and what the session amounts to once the model has narrowed it.
# schemas:
#   - input: schema.input
package postern.session

import data.postern.has
import data.postern.membership
import data.postern.organization
import data.postern.permission
import data.postern.plan

# METADATA
# description: Whether the request came with a good session. Every session has an issuer.
signed_in if input.session.issuer

# METADATA
# description: Why there is no session.
refusal := {"code": code} if code := input.credential.code

else := {"code": "token_missing"}

# METADATA
# description: What the session may use, for GET /v1/session. Each entry is one that a check grants.
# entrypoint: true
effective := {
	"role": _role,
	"permissions": sort([p | some p in permission.candidates; has.holds("permission", p)]),
	"features": sort([f | some f in _features; has.holds("feature", f)]),
	"plan": _plan,
} if {
	signed_in
}

default _role := null

_role := membership.role if membership.stands

default _plan := null

_plan := name if {
	organization.id
	name := plan.name
	has.holds("plan", name)
}

_plan := name if {
	not organization.id
	name := input.session.plans.user[0]
}

_features contains feature if some feature in input.session.features.org

_features contains feature if some feature in input.session.features.user
