package failmode

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestRows: names are unique, and a row says something of a door or of every proxy.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		if seen[r.Name] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(r.Name) || r.Event == "" || strings.ContainsAny(r.Event, "|\t\n") {
			t.Errorf("row %q: %q", r.Name, r.Event)
		}
		seen[r.Name] = true
		if (r.Answers == Answers{}) == (r.Proxies == nil) {
			t.Errorf("%s: answers %+v and proxies %v, want one of them", r.Name, r.Answers, r.Proxies)
		}
		for _, name := range []string{Envoy, Nginx, Traefik, Caddy, HAProxy} {
			if status := r.Proxies[name]; r.Proxies != nil && (len(r.Proxies) != 5 || status < 400 || status > 599) {
				t.Errorf("%s: %s answers %d", r.Name, name, status)
			}
		}
		if r.Reason != "" && !r.Reason.Known() {
			t.Errorf("%s: unknown reason %s", r.Name, r.Reason)
		}
		// A request goes on only where nothing was wrong with it, or where a door can do more.
		if r.Answers.ForwardAuth.HTTP == 200 && r.Reason != "" {
			t.Errorf("%s: denied for %s, with 200", r.Name, r.Reason)
		}
		if nginx := r.Answers.AuthRequest.HTTP; nginx != 0 && nginx != 200 && nginx != 401 && nginx != 403 {
			t.Errorf("%s: nginx does not know %d", r.Name, nginx)
		}
	}
}

func TestWrite(t *testing.T) {
	var table, markdown, text bytes.Buffer
	if err := WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if err := WriteMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var rows []Row
	if err := json.Unmarshal(text.Bytes(), &rows); err != nil || len(rows) != len(Rows()) || rows[0].Answers != Rows()[0].Answers {
		t.Errorf("JSON: %d rows, %v, want %d", len(rows), err, len(Rows()))
	}
	for _, want := range []string{
		"| No bundle has been loaded yet | not_ready | 200, status 503 | 403 (503) | 403 (503) | 403 (503) | 403 | 503 |\n",
		"| The body is longer than limits.body | request_malformed | 413 | 400 | 413 | - | - | 413 |\n",
		"| Postern is not there | - | no answer | envoy 403 | envoy 403 | traefik 500, caddy 502, haproxy 503 | nginx 500 | no answer |\n",
		"| A new bundle is bad: the old one goes on | - | 200, status 200 | 200 | 200 | 200 | 200 | 200, true |\n",
	} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if got, want := strings.Count(markdown.String(), "\n| "), len(Rows())+2; got != want {
		t.Errorf("the page has %d rows, want %d", got, want)
	}
	if !regexp.MustCompile(`(?m)^Postern panics +policy_error +200, status 403 +403 +403 +403 +403 +500$`).MatchString(table.String()) {
		t.Errorf("the table is\n%s", table.String())
	}
}
