package session

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	var all table[int]
	key := func(i int) []byte { return fmt.Append(nil, "key ", i) }
	if _, ok := all.get(nil); ok {
		t.Error("an empty table has the empty key")
	}
	for i := range 4 * tableRows {
		all.put(key(i), i, 1)
		if got, ok := all.get(key(i)); !ok || got != i {
			t.Fatalf("get(%q) = %d, %v, want %d", key(i), got, ok, i)
		}
	}
	// Those that are left are still their own.
	left := 0
	for i := range 4 * tableRows {
		if got, ok := all.get(key(i)); ok {
			left++
			if got != i {
				t.Fatalf("get(%q) = %d, want %d or nothing", key(i), got, i)
			}
		}
	}
	if left == 0 || left > tableRows {
		t.Errorf("%d keys are left, want 1 to %d", left, tableRows)
	}
	long := []byte(strings.Repeat("k", maxRow))
	all.put(long, 1, 1)
	all.put([]byte("k"), 1, maxRow)
	for _, key := range [][]byte{long, []byte("k")} {
		if _, ok := all.get(key); ok {
			t.Errorf("get(%.10q…) of %d bytes has what is too large", key, len(key))
		}
	}
}

// TestFromClaims_shared reads different tokens at once that displace each other's lists.
// What each has is its own, and none can reach what the next one has.
func TestFromClaims_shared(t *testing.T) {
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := range 4 * tableRows {
				s := mustRead(t, Clerk(), v2(fmt.Sprintf(`"o:f%d,u:g%[1]d"`, i), `"read,write"`, `"3"`))
				want := fmt.Sprintf("[org:f%d:read org:f%[1]d:write] [f%[1]d] [g%[1]d]", i)
				if got := fmt.Sprint(s.Org.Permissions, s.Features.Org, s.Features.User); got != want {
					t.Errorf("session %d: %s, want %s", i, got, want)
				}
				for _, list := range [][]string{s.Org.Permissions, s.Features.Org, s.Features.User} {
					if cap(list) != len(list) {
						t.Errorf("session %d: a list of %d has room for %d", i, len(list), cap(list))
					}
				}
			}
		})
	}
	readers.Wait()
}
