# METADATA
# title: The bundle's own denials
# description: |
#   A bundle's package postern.extend may deny what the library grants, and never adds to
#   it, also where another entrypoint decides.
package postern.extension

# METADATA
# description: |
#   The bundle's denials as reasons: an object with a code of the closed set, or a text,
#   which stands for policy_denied.
# entrypoint: true
denials contains _reason(denial) if some denial in data.postern.extend.deny

_reason(denial) := object.union({"code": "policy_denied"}, denial) if is_object(denial)

else := {"code": "policy_denied", "message": denial} if is_string(denial)

else := {"code": "policy_denied"}

# METADATA
# description: Whether the bundle denies. A denial of any form counts.
denied if count(data.postern.extend.deny) > 0
