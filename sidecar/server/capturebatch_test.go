package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCapture_batch: what the items of a batch have in common is logged with each of them, but
// not without bound: one request cannot push the log out of its files.
func TestCapture_batch(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, plain(t), "doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}", "decision_log: {to: "+log+", input: true}"))
	large := strings.Repeat("x", 50<<10)
	var inputs []string
	for i := range 100 {
		inputs = append(inputs, fmt.Sprintf(`"%d":{}`, i))
	}
	for path, body := range map[string]string{
		"/access/v1/evaluations": `{"subject":{"type":"user","id":"u"},"action":{"name":"a"},"context":{"large":"` + large + `"},
			"evaluations":[` + strings.TrimSuffix(strings.Repeat(`{"resource":{"type":"r","id":"1"}},`, 100), ",") + `]}`,
		"/v1/batch/data/nothing": `{"common_input":{"large":"` + large + `"},"inputs":{` + strings.Join(inputs, ",") + `}}`,
	} {
		if a := s.do("POST", path, body, "Content-Type", "application/json"); a.Code != 200 {
			t.Fatalf("%d %.200s", a.Code, a.Body)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	records, whole, size := map[string]int{}, map[string]int{}, map[string]int{}
	for line := range strings.Lines(string(text)) {
		var r struct {
			Door  string
			Input json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		records[r.Door]++
		if r.Input != nil {
			whole[r.Door]++
			size[r.Door] += len(r.Input)
		}
	}
	for _, door := range []string{"evaluations", "batch_data"} {
		if records[door] != 100 || whole[door] < 20 || size[door] > 1<<20+256<<10 {
			t.Errorf("%s: %d records, %d with an input, %d bytes of inputs", door, records[door], whole[door], size[door])
		}
	}
}
