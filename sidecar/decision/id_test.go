package decision

import (
	"encoding/json"
	"regexp"
	"testing"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestNewID(t *testing.T) {
	seen := map[ID]bool{}
	for range 10_000 {
		id := NewID()
		if seen[id] || !uuid.MatchString(id.String()) || id.None() {
			t.Fatalf("NewID() = %s, seen before: %v", id, seen[id])
		}
		seen[id] = true
	}
	var none ID
	if !none.None() || none.String() != "" {
		t.Errorf("the zero ID is %q", none)
	}
	id := NewID()
	if text, err := json.Marshal(map[string]any{"id": id, "none": none}); err != nil || string(text) != `{"id":"`+id.String()+`","none":""}` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = NewID() }); n != 0 {
		t.Errorf("NewID allocates %v times, want 0", n)
	}
}
