# METADATA
# title: Evaluation
# description: |
#   One policy for all scenarios. Each is about subjects and resources of its own types and
#   denies what is about others, so that no more than one of them has a say.
# schemas:
#   - input: schema.input
package interop.evaluate

import data.interop.gateway
import data.interop.records
import data.interop.todo

# METADATA
# description: The decision. What no scenario allows is denied.
# entrypoint: true
default allow := false

allow if todo.allow

allow if gateway.allow

allow if records.allow
