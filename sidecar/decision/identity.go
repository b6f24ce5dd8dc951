package decision

import "sync/atomic"

// An Identity is who an upstream is told the session is: what the token says of the user,
// the session and the organization, and the role and permissions that count under the
// model. The zero value is nobody.
type Identity struct {
	User, Session, Org, Role string
	Permissions              []string
}

// A Known identity is one that many requests share: nobody may change it.
type Known struct {
	Identity

	headers atomic.Pointer[any]
}

// Headers is what an upstream is told of the identity, made once where it is to be kept. All
// callers must make the same of it.
func (k *Known) Headers(render func(Identity) (headers any, keep bool)) any {
	if made := k.headers.Load(); made != nil {
		return *made
	}
	made, keep := render(k.Identity)
	if keep {
		k.headers.Store(&made)
	}
	return made
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
