package decision

// An Identity is who an upstream is told the session is: what the token says of the user,
// the session and the organization, and the role and permissions that count under the
// model. The zero value is nobody.
type Identity struct {
	User, Session, Org, Role string
	Permissions              []string
}
