package failmode

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// heads are the columns of the table as text.
var heads = []string{"What happens", "Reason", "/v1/check", "Envoy gRPC", "Envoy HTTP", "forward-auth", "auth-request", "AuthZEN"}

// legend is what a reader of the table must know besides.
var legend = []string{
	"A decision for an app is a 200, and its status says what to send. A gRPC call always succeeds: the status is that of denied_response, and the code 16 for a 401, 7 for another denial.",
	"AuthZEN is an evaluation of a session. A search that fails is a 500, and a 503 where it may go well again; an item of a batch that cannot be read or decided is a denial with a context that says so.",
	"A status in brackets is sent where unavailable_status is 503. Envoy takes a 503 from its HTTP service for a failure, and lets the request through where failure_mode_allow is set.",
	"Where Postern does not answer, the proxy's own configuration decides. Envoy with failure_mode_allow lets the request through. An app must deny.",
	"A route's deny and a policy's http_status can replace a 403 for a session that may not, and sign_in_url a 401 for a page.",
}

// cells are a row as text.
func (r Row) cells() []string {
	if r.Proxies != nil {
		of := func(names ...string) string {
			var parts []string
			for _, name := range names {
				parts = append(parts, fmt.Sprintf("%s %d", name, r.Proxies[name]))
			}
			return strings.Join(parts, ", ")
		}
		return []string{r.Event, "-", "no answer", of(Envoy), of(Envoy), of(Traefik, Caddy, HAProxy), of(Nginx), "no answer"}
	}
	cells := []string{r.Event, string(r.Reason)}
	if r.Reason == "" {
		cells[1] = "-"
	}
	for _, a := range []Answer{r.Answers.Check, r.Answers.EnvoyGRPC, r.Answers.EnvoyHTTP, r.Answers.ForwardAuth, r.Answers.AuthRequest, r.Answers.AuthZEN} {
		cells = append(cells, a.String())
	}
	return cells
}

// String is the status, with what may stand beside it.
func (a Answer) String() string {
	switch {
	case a == Answer{}:
		return "-"
	case a.Decision != 0:
		return fmt.Sprintf("%d, status %d", a.HTTP, a.Decision)
	case a.Verdict != "":
		return fmt.Sprintf("%d, %s", a.HTTP, a.Verdict)
	case a.Unavailable != 0:
		return fmt.Sprintf("%d (%d)", a.HTTP, a.Unavailable)
	default:
		return fmt.Sprint(a.HTTP)
	}
}

// WriteTable writes the table for a terminal.
func WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range lines() {
		if _, err := fmt.Fprintln(table, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(legend, "\n"))
	return err
}

// WriteMarkdown writes the table as a page.
func WriteMarkdown(w io.Writer) error {
	var page strings.Builder
	page.WriteString("# What happens when something is wrong\n\nWritten by `postern failmodes --format markdown`; each row is held by a test.\n\n")
	for i, cells := range lines() {
		if i == 1 {
			page.WriteString("|" + strings.Repeat(" --- |", len(heads)) + "\n")
		}
		page.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	for _, text := range legend {
		page.WriteString("\n" + text + "\n")
	}
	_, err := io.WriteString(w, page.String())
	return err
}

// WriteJSON writes the rows.
func WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(Rows())
}

func lines() [][]string {
	all := [][]string{slices.Clone(heads)}
	for _, r := range Rows() {
		all = append(all, r.cells())
	}
	return all
}
