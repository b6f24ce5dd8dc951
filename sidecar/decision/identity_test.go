package decision

import "testing"

func TestSameToCGI(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got := SameToCGI(a, []byte(b)); got != want {
			t.Errorf("SameToCGI(%q, %q) = %v, want %v", a, b, got, want)
		}
		if got := SameToCGI([]byte(b), a); got != want {
			t.Errorf("SameToCGI(%q, %q) = %v, want %v", b, a, got, want)
		}
	}
	f("x-postern-user", "x-postern-user", true)
	f("X_Postern.User", "x-postern-user", true)
	f("x~postern\xffuser", "X-POSTERN-USER", true)
	f("", "", true)
	f("x-postern-user", "x-postern-users", false)
	f("x-postern-user", "x-postern-role", false)
	f("x-postern-user", "xapostern-user", false)
	f("x-1", "x-2", false)
}
