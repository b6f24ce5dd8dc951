package report

import "testing"

func TestCommandLine(t *testing.T) {
	if got, want := CommandLine("bench", []string{"--scenario", "a b|c", "--quick"}), "go run ./cmd/bench --scenario 'a b|c' --quick"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
