# METADATA
# title: The active organization
# description: Which organization the session acts in, and whether it may act at all.
# schemas:
#   - input: schema.input
package postern.organization

# METADATA
# description: The organization's id. Undefined for a personal session.
id := input.session.org.id

# METADATA
# description: Whether the model has suspended the organization. It then grants nothing.
suspended if is_suspended(id)

# METADATA
# description: Whether the model has suspended any organization.
is_suspended(of) if data.model.organizations[of].suspended == true
