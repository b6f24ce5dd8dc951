package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkClients compares the doors of clients with POST /v1/check, and the document of a
// policy with what OPA's own server takes for it, by eight callers with a connection each.
// The time of others than Postern and the callers is not in the processor's.
func BenchmarkClients(b *testing.B) {
	token := sign(b, nil)
	post := func(path, body, more string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + more +
			"Content-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
	}
	host := func(s *sidecar) string { return strings.TrimPrefix(s.url, "http://") }
	of := `"subject":{"type":"session","id":"` + token + `"},"resource":{"type":"report","id":"7"}`
	ask := `{` + of + `,"action":{"name":"org:reports:read"}}`
	sessions := start(b, authzen(standard(b, plain(b))))
	known := startCertified(b)
	bundle := opaBundle(b)
	const alice = `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`
	for _, door := range []struct{ name, at, text, want string }{
		{"check", host(sessions), post("/v1/check", `{"permission":"org:reports:read"}`, "Authorization: Bearer "+token+"\r\n"), `"reasons":[]}`},
		{"evaluation of a session", host(sessions), post("/access/v1/evaluation", ask, ""), `{"decision":true}`},
		{"20 evaluations of a session", host(sessions), post("/access/v1/evaluations", `{"evaluations":[`+strings.TrimSuffix(strings.Repeat(ask+",", 20), ",")+`]}`, ""), `{"decision":true}]}`},
		{"actions of a session", host(sessions), post("/access/v1/search/action", `{`+of+`}`, ""), `}]}`},
		{"evaluation of a user", host(known), post("/access/v1/evaluation", alice, ""), `{"decision":true}`},
		{"document", host(start(b, opaConfig(b, bundle))), post("/v1/data/app/decision", `{"input":{"user":"alice"}}`, ""), `"user":"alice"}}` + "\n"},
		{"document of OPA", runOPA(b, bundle), post("/v1/data/app/decision", `{"input":{"user":"alice"}}`, ""), `"user":"alice"}}` + "\n"},
	} {
		b.Run(strings.ReplaceAll(door.name, " ", "_"), func(b *testing.B) { measured(b, asker(b, door.at, door.text, door.want)) })
	}
}
