package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/sidecar/config"
)

// known is a client's token.
const known = "0123456789abcdefKNOWN"

// tokenClients changes a configuration so that the client gateway is let in, by known.
func tokenClients(t testing.TB, c *config.Config) *config.Config {
	t.Helper()
	c.Clients = config.Clients{TokensFile: write(t, t.TempDir(), "tokens", "gateway "+known+"\n")}
	return c
}

// TestClients_decisionLog: who asks about others is in every record of the doors that answer
// it, and its token in none.
func TestClients_decisionLog(t *testing.T) {
	for _, session := range []bool{false, true} {
		log := filepath.Join(t.TempDir(), "decisions.jsonl")
		c := tokenClients(t, authzen(standard(t, certified(t), "decision_log: "+log)))
		c.Entrypoints = config.Entrypoints{Evaluate: "pdp/decision", Search: config.Search{Subject: "pdp/subjects", Resource: "pdp/resources", Action: "pdp/actions"}}
		c.Doors.OPA, c.OPA.Session = true, session
		s := start(t, c)
		for _, endpoint := range accessEndpoints() {
			if a := s.access(endpoint, accessBodies[endpoint], "Authorization", "Bearer "+known); a.Code != 200 {
				t.Errorf("%s: %d %s", endpoint, a.Code, a.Body)
			}
		}
		for _, path := range []string{"/v1/data/pdp/decision", "/v0/data/pdp/decision", "/v1/batch/data/pdp/decision", "/"} {
			_ = s.do("POST", path, `{"inputs":{"a":{}},"input":{}}`, "Authorization", "Bearer "+known, "Content-Type", "application/json")
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(text), known) {
			t.Fatalf("%v\n%s", err, text)
		}
		records := 0
		for line := range strings.Lines(string(text)) {
			records++
			if !strings.Contains(line, `"client":"gateway"`) {
				t.Errorf("with opa.session %v, a record without its client: %s", session, line)
			}
		}
		if records < 8 {
			t.Errorf("%d records", records)
		}
	}
}

// TestClients_statusDigest: the status has nothing by which a token could be tried out.
func TestClients_statusDigest(t *testing.T) {
	s := start(t, tokenClients(t, standard(t, plain(t))))
	status := s.do("GET", "admin:/v1/status", "").Body
	if !strings.Contains(status, `"tokens": 1`) {
		t.Errorf("the status says nothing of tokens: %s", status)
	}
	for _, text := range []string{known, "gateway " + known + "\n"} {
		sum := sha256.Sum256([]byte(text))
		if strings.Contains(status, hex.EncodeToString(sum[:])) {
			t.Errorf("the digest of %q is shown", text)
		}
	}
}
