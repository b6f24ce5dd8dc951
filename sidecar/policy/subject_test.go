package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"postern/sidecar/policy"
)

// TestSubject_size: what a subject says it takes is no less than it does, for a plain
// session and for one whose masks expand to thousands of permissions.
func TestSubject_size(t *testing.T) {
	names := make([]string, 60)
	features := make([]string, 60)
	masks := make([]string, 60)
	for i := range names {
		names[i], features[i], masks[i] = fmt.Sprintf("p%d", i), fmt.Sprintf("o:f%d", i), "1152921504606846975"
	}
	wide := `{"sub":"user_1","v":2,"o":{"id":"org_1","rol":"admin","per":"` + strings.Join(names, ",") + `","fpm":"` + strings.Join(masks, ",") +
		`"},"fea":"` + strings.Join(features, ",") + `"}`
	deep := `{"sub":"user_1","metadata":{"list":[` + strings.TrimSuffix(strings.Repeat(`{"a":1},`, 900), ",") + `]}}`
	for name, claims := range map[string]string{"plain": admin, "wide": wide, "deep": deep} {
		const many = 50
		subjects := make([]*policy.Subject, many)
		before := allocated()
		for i := range subjects {
			subjects[i] = subject(t, claims)
		}
		took := int(allocated()-before) / many
		if size := subjects[0].Size(); took > size {
			t.Errorf("%s: a subject takes %d bytes and says %d", name, took, size)
		} else {
			t.Logf("%s: a subject takes %d bytes and says %d", name, took, size)
		}
		runtime.KeepAlive(subjects)
	}
}

func allocated() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
