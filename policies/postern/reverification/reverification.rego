# METADATA
# title: Reverification
# description: |
#   Whether the factors of the session were verified recently enough, by Clerk's rules.
#   input.factor_age is the age in minutes of the first and the second factor, -1 for
#   one that is absent or was never verified, as of the token's minting.
# schemas:
#   - input: schema.input
package postern.reverification

# METADATA
# description: Whether the session meets what is asked, a preset's name or a level with its minutes.
met(asked) if {
	wanted := _wanted(asked)
	_meets(wanted.level, wanted.afterMinutes)
}

_presets := {
	"strict_mfa": {"level": "multi_factor", "afterMinutes": 10},
	"strict": {"level": "second_factor", "afterMinutes": 10},
	"moderate": {"level": "second_factor", "afterMinutes": 60},
	"lax": {"level": "second_factor", "afterMinutes": 1440},
}

# METADATA
# description: The level and the minutes that a preset's name stands for.
preset(name) := _presets[name]

_wanted(asked) := preset(asked)

_wanted(asked) := asked if {
	is_object(asked)
	asked.level in {"first_factor", "second_factor", "multi_factor"}
	is_number(asked.afterMinutes)
	asked.afterMinutes > 0
}

_meets("first_factor", minutes) if _fresh(input.factor_age[0], minutes)

_meets("second_factor", minutes) if _fresh(input.factor_age[1], minutes)

_meets("multi_factor", minutes) if {
	_fresh(input.factor_age[0], minutes)
	_fresh(input.factor_age[1], minutes)
}

# Nobody can be asked for a second factor that they never set up: the first stands in.
_meets(level, minutes) if {
	level in {"second_factor", "multi_factor"}
	input.factor_age[1] == -1
	_fresh(input.factor_age[0], minutes)
}

_fresh(age, minutes) if {
	age != -1
	minutes > age
}
