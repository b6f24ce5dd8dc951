package audit

import (
	"testing"
	"time"

	"postern/sidecar/decision"
	"postern/sidecar/logmask"
)

// TestReducedLine: what is left of a record that is too large is what is left where its mask
// fails.
func TestReducedLine(t *testing.T) {
	item := 3
	because := decision.Because(decision.RoleRequired, "ada is none").Reasons
	for _, r := range []Record{
		{},
		{ID: "d", Door: "checks", Item: &item, Question: []byte(`{"mask_error":1}`), Path: "/secret", User: "ada", Allow: true, Status: 200, Revision: "r", Digest: "x", Input: []byte(`{"door":{}}`)},
		{ID: "e\u2028", Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Reasons: because, Shadow: &Shadow{Status: 403, Reasons: because, Revision: "next", Digest: "y"}},
	} {
		r.Mask = fixed(false, logmask.Size)
		line := r.appendLine(nil)
		want, _ := r.masked(t.Context(), line)
		if got, err := reducedLine(line); err != nil || string(got) != string(want) {
			t.Errorf("got  %s%v\nwant %s", got, err, want)
		}
	}
	if got, err := reducedLine([]byte(`{"door":"a","shadow":1}` + "\n")); err == nil {
		t.Errorf("a shadow that is none: %s", got)
	}
}

// TestBatch_reduce: the records behind the first stay what they are.
func TestBatch_reduce(t *testing.T) {
	b := &batch{}
	for _, path := range []string{noise(1000), "b", "c"} {
		b.append((&Record{ID: "d", Path: path}).appendLine(nil), false)
	}
	second, third := string(b.record(1)), string(b.record(2))
	if !b.reduce() || b.reduce() || len(b.record(0)) > 200 || string(b.record(1)) != second || string(b.record(2)) != third || len(b.text) != b.ends[2] {
		t.Errorf("%q, ends %v", b.text, b.ends)
	}
	b.cut(2)
	if b.reduced[0] || string(b.record(0)) != third {
		t.Errorf("%q, ends %v", b.text, b.ends)
	}
	b.append([]byte("{\"broken\n"), false)
	b.cut(1)
	if b.reduce() || string(b.record(0)) != "{\"broken\n" {
		t.Errorf("%q, ends %v", b.text, b.ends)
	}
}
