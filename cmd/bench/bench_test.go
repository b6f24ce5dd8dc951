package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/process"
)

// TestMain lets the test's own program be the bench's children.
func TestMain(m *testing.M) {
	if code, ok := child(); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestQuick runs scenarios with all their processes.
func TestQuick(t *testing.T) {
	f := func(scenario string, figures int, rows ...string) {
		t.Run(scenario, func(t *testing.T) { quickly(t, scenario, figures, rows) })
	}
	f("ext_authz", 2, "ext_authz gRPC, bare grpc-go", "ext_authz gRPC, Postern", "ext_authz HTTP, bare fasthttp", "ext_authz HTTP, Postern")
	f("decision log", 1, "decision log on, Postern, log off", "decision log on, Postern, log to a file", "decision log on, Postern, log to a file, with input",
		"decision log on, Postern, log to a file, masked", "decision log on, Postern, log to a server")
}

// quickly runs what a scenario's expression matches, and looks at the table and the rounds.
func quickly(t *testing.T, scenario string, figures int, want []string) {
	dir := t.TempDir()
	table, rounds := filepath.Join(dir, "table.md"), filepath.Join(dir, "rounds.json")
	var out, errs bytes.Buffer
	args := []string{"--quick", "--scenario", scenario, "--out", table, "--json", rounds}
	if code := execute(t.Context(), args, &out, &errs); code != 0 || out.Len() > 0 {
		t.Fatalf("exit %d, %s%s", code, out.String(), errs.String())
	}
	text, err := os.ReadFile(rounds)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, s := range r.Sections {
		figures -= len(s.Figures)
		for _, row := range s.Rows {
			rows = append(rows, row.Scenario+", "+row.Target)
			for _, x := range row.Rounds {
				if x.Requests == 0 || x.Errors != 0 || x.Processor <= 0 || x.P50 <= 0 || x.P999 < x.P99 || x.P99 < x.P50 || x.Resident <= 0 {
					t.Errorf("%s, %s: %+v", row.Scenario, row.Target, x)
				}
				if _, counted := x.Extra[lost]; counted != strings.Contains(row.Target, "log to") || counted != strings.HasSuffix(row.Ratio, " records lost") {
					t.Errorf("%s, %s: the records are counted: %v, %q", row.Scenario, row.Target, counted, row.Ratio)
				}
			}
		}
	}
	if got := strings.Join(rows, "; "); got != strings.Join(want, "; ") || figures != 0 {
		t.Errorf("rows are %s, want %s; %d figures are missing", got, strings.Join(want, "; "), figures)
	}
	if text, err = os.ReadFile(table); err != nil || strings.Count(string(text), "\n| "+scenario+" ") < len(rows)+1 {
		t.Errorf("the table is %s, %v", text, err)
	}
	for _, part := range []string{"go run ./cmd/bench --quick", "go1.", "fasthttp v1.", "opa v1.", "grpc v1."} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the table does not say %s", part)
		}
	}
}

// lying is a scenario with a server that answers something else than is expected.
func lying(b *bench, ctx context.Context, name string) (report.Section, error) {
	const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	const said = "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 3\r\n\r\nyes"
	start := bare(request, load.Answer{Raw: said})
	rows, err := b.compare(ctx, name, b.steady("liar", start, b.repeated(request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")))
	return report.Section{Rows: rows}, err
}

// TestRun_wrong: a server that answers wrongly fails the run, and what it answered is said.
func TestRun_wrong(t *testing.T) {
	var errs bytes.Buffer
	o := options{extent: quick(), scenario: regexp.MustCompile("")}
	r, err := run(t.Context(), o, []scenario{{"lies", lying}}, &errs)
	if !errors.Is(err, errWrong) {
		t.Errorf("the run ended with %v, want %v", err, errWrong)
	}
	if len(r.Sections) != 1 || r.Sections[0].Rows[0].Rounds[0].Errors == 0 {
		t.Errorf("no errors are reported: %+v", r)
	}
	if !strings.Contains(errs.String(), `yes`) {
		t.Errorf("what was answered is not said: %s", errs.String())
	}
}

// TestExecute_flags: what is no flag, or cannot be measured, exits with 2; a scenario that is
// none with 1.
func TestExecute_flags(t *testing.T) {
	f := func(want int, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := execute(t.Context(), args, &out, &errs); got != want || out.Len() > 0 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, want %d; %s%s", args, got, want, out.String(), errs.String())
		}
	}
	f(2, "--nonsense")
	f(2, "argument")
	f(2, "--rounds", "0")
	f(2, "--scenario", "(")
	f(1, "--scenario", "no such thing")
}

// TestParse_quick: what is said explicitly holds beside --quick.
func TestParse_quick(t *testing.T) {
	o, err := parse([]string{"--quick", "--rounds", "3"}, new(bytes.Buffer))
	want := quick()
	want.rounds = 3
	if err != nil || o.duration != want.duration || o.rounds != 3 || o.requests != want.requests {
		t.Errorf("%+v, %v, want %+v", o.extent, err, want)
	}
}

// TestProcessorTime: a process's clock counts what it does, and not the time that passes.
func TestProcessorTime(t *testing.T) {
	before, err := process.ProcessorTime(os.Getpid())
	if err != nil {
		t.Skip(err)
	}
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	after, err := process.ProcessorTime(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("%v after %v, %v", after, before, err)
	}
	p, err := serving(t.Context(), "bare-http", constant{Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if before, err = process.ProcessorTime(p.PID()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if after, err = process.ProcessorTime(p.PID()); err != nil || after-before > 50*time.Millisecond {
		t.Errorf("an idle process used %v, %v", after-before, err)
	}
}
