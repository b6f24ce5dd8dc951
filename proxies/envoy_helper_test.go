package proxies

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// An accessLine is a line of Envoy's access log, as the configurations have it.
type accessLine struct {
	Request, Details, Decision string
	Status                     int
	Reasons                    []string
}

func accessLines(p *process) []accessLine {
	var all []accessLine
	for text := range strings.Lines(p.Log.String()) {
		var line accessLine
		if json.Unmarshal([]byte(text), &line) == nil && line.Request != "" {
			all = append(all, line)
		}
	}
	return all
}

// A decisionRecord is a line of Postern's decision log, as far as it matters here.
type decisionRecord struct {
	ID   string `json:"decision_id"`
	Path string
}

// decisions are the decision log of a Postern that has stopped.
func decisions(t testing.TB, s *sidecar) []decisionRecord {
	t.Helper()
	text, err := os.ReadFile(s.decisions)
	if err != nil {
		t.Fatal(err)
	}
	var all []decisionRecord
	for line := range strings.Lines(string(text)) {
		var r decisionRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// withAdmin is a configuration with Envoy's own admin listener.
func withAdmin(t testing.TB) (replace []string, address string) {
	address = freeAddress(t)
	return []string{"static_resources:\n", "admin: {address: {" + endpoint(address) + "}}\nstatic_resources:\n"}, address
}

// get asks Envoy's admin listener.
func get(t testing.TB, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
