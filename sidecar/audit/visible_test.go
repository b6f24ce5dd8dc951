package audit

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"postern/sidecar/logmask"
)

// TestWrite_visible: a record is one line to whoever reads it, and no order to a terminal,
// whatever a caller wrote; and it says what was written.
func TestWrite_visible(t *testing.T) {
	const hostile = "a\x1b[2J\u009b31m\x7f\u0085\u2028\u2029\u202e\u2066\u061c\u200fé\U0001f511\xff"
	path := filepath.Join(t.TempDir(), "d")
	l := opened(t, Options{To: path})
	input, err := json.Marshal(map[string]string{hostile: hostile})
	if err != nil {
		t.Fatal(err)
	}
	input = []byte(strings.NewReplacer(`\u2028`, "\u2028", `\u007f`, "\x7f").Replace(string(input)))
	l.Write(&Record{ID: "a", User: hostile, Input: input})
	l.Write(&Record{ID: "b", Input: input, Mask: fixed(false, nil, logmask.Edit{Pointer: "/user", Value: input})})
	shut(l)
	text := contents(t, path)
	for _, r := range text {
		if r != '\n' && hides(r) || !unicode.IsGraphic(r) && r != '\n' {
			t.Errorf("%U is in the log: %q", r, text)
		}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	want := strings.ToValidUTF8(hostile, "\uFFFD")
	for _, line := range lines {
		var r struct {
			User  any
			Input map[string]string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Input[want] != want {
			t.Errorf("%v: %q", err, line)
		}
		if name, ok := r.User.(string); ok && name != want {
			t.Errorf("user %q, want %q", name, want)
		}
	}
}
