package request

// SameName compares names of headers, and other words of HTTP, in any case. They are ASCII:
// what only folds to one in Unicode is another (RFC 9110 section 5.1).
func SameName[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
