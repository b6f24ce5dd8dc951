package world

// Questions are the fifty of the scenarios with many sessions, as POST /v1/check takes
// them. None nests deeper than any over all.
func Questions() []string {
	var all []string
	for _, f := range features {
		for _, a := range actions {
			all = append(all, `{"permission":"org:`+f+`:`+a+`"}`)
		}
	}
	for _, r := range roles {
		all = append(all, `{"role":"org:`+r+`"}`)
	}
	return append(all,
		`{"permission":"`+Marked+`"}`,
		`{"permission":"org:sys_memberships:manage"}`,
		`{"permission":"org:sys_memberships:read"}`,
		`{"permission":"org:sys_profile:delete"}`,
		`{"feature":"reports"}`,
		`{"feature":"org:audit_log"}`,
		`{"feature":"o:payroll"}`,
		`{"feature":"user:beta"}`,
		`{"feature":"api"}`,
		`{"plan":"free"}`,
		`{"plan":"org:pro"}`,
		`{"plan":"business"}`,
		`{"plan":"o:enterprise"}`,
		`{"permission":"org:invoices:manage","reverification":"strict"}`,
		`{"reverification":"moderate"}`,
		`{"role":"org:admin","reverification":{"level":"first_factor","afterMinutes":10}}`,
		`{"role":"org:member","permission":"org:invoices:create"}`,
		`{"role":"org:admin","feature":"reports"}`,
		`{"permission":"org:reports:read","plan":"pro"}`,
		`{"any":[{"role":"org:admin"},{"permission":"org:invoices:manage"}]}`,
		`{"any":[{"role":"org:analyst"},{"role":"org:viewer"}]}`,
		`{"any":[{"feature":"beta"},{"plan":"enterprise"}]}`,
		`{"all":[{"role":"org:manager"},{"feature":"reports"}]}`,
		`{"all":[{"permission":"org:reports:read"},{"permission":"org:reports:export"}]}`,
		`{"any":[{"all":[{"role":"org:member"},{"plan":"pro"}]},{"all":[{"role":"org:admin"},{"feature":"payroll"}]}]}`,
	)
}
