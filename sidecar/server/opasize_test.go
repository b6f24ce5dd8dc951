package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestOPA_long: an answer is bounded, whichever document is asked for: alone, as a part of
// all, and in a batch, which a short request can have say the same a hundred times.
func TestOPA_long(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "app/app.rego", "package app\n\necho := input\n")
	rows := make([]string, 20_000)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id": "row_%d", "text": "%s"}`, i, strings.Repeat("x", 200))
	}
	write(t, dir, "table/data.json", `{"rows": [`+strings.Join(rows, ",")+`]}`)
	s := start(t, opaConfig(t, dir, "policy: {deadline: 5s}"))
	for target, want := range map[string]int{
		"/v1/data/table": 500, "/v1/data/table/rows": 500, "/v1/data": 500, "/v1/data?pretty": 500,
		"/v1/data/table/rows/7": 200, "/v1/data/app": 200,
	} {
		a := s.do("POST", target, `{"input": 1}`)
		if a.Code != want || want == 500 && !strings.Contains(a.Body, "longer than 4 MiB") {
			t.Errorf("%s: %d %.200s", target, a.Code, a.Body)
		}
	}
	inputs := make([]string, 100)
	for i := range inputs {
		inputs[i] = fmt.Sprintf(`"i%d": {}`, i)
	}
	deep := strings.Repeat("[", 50) + strings.TrimSuffix(strings.Repeat("1,", 30_000), ",") + strings.Repeat("]", 50)
	a := s.do("POST", "/v1/batch/data/app/echo?pretty", `{"common_input": {"x": `+deep+`}, "inputs": {`+strings.Join(inputs, ",")+`}}`)
	if a.Code != 207 || len(a.Body) > 6<<20 || !strings.Contains(a.Body, "longer than 4 MiB") || !strings.Contains(a.Body, `"result":{"x":[[`) {
		t.Errorf("a batch: %d, %d bytes", a.Code, len(a.Body))
	}
}
