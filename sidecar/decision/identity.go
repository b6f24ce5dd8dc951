package decision

// An Identity is who an upstream is told the session is: what the token says of the user,
// the session and the organization, and the role and permissions that count under the
// model. The zero value is nobody.
type Identity struct {
	User, Session, Org, Role string
	Permissions              []string
}

// SameToCGI reports whether CGI and its descendants take two names of headers for one (RFC
// 3875 section 4.1.18): case counts for nothing, and whatever is no letter or digit is one
// and the same. A header of such a name passes for the one that tells who the session is.
func SameToCGI[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if flat(a[i]) != flat(b[i]) {
			return false
		}
	}
	return true
}

func flat(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	default:
		return '_'
	}
}
