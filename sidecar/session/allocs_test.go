//go:build !race

package session

import "testing"

// TestFromClaims_allocates: a session whose lists are those of others is itself, its
// organization, the age of its factors and its texts.
func TestFromClaims_allocates(t *testing.T) {
	got := testing.AllocsPerRun(1000, func() {
		if _, err := FromClaims(usual, Clerk()); err != nil {
			t.Fatal(err)
		}
	})
	if got > 9 {
		t.Errorf("FromClaims allocates %v times, want 9 at most", got)
	}
}
