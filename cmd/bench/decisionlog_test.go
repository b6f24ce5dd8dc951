package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/cmd/bench/report"
)

// TestTakeLines: the lines that say what they should are counted, once.
func TestTakeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	f := func(text string, want int, wantLast string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n, last, err := takeLines(path, `"a":`)
		if n != want || string(last) != wantLast || err != nil {
			t.Errorf("%q: %d, %q, %v, want %d", text, n, last, err, want)
		}
		if n, _, err := takeLines(path, `"a":`); n != 0 || err != nil {
			t.Errorf("%q: %d are taken again, %v", text, n, err)
		}
	}
	f("", 0, "")
	f("{\"a\":1}\n{\"b\":2}\n{\"a\":{\"a\":1}}\n", 2, "{\"a\":{\"a\":1}}\n")
	f("{\"b\":1}\n", 0, "{\"b\":1}\n")
	if err := os.WriteFile(path, []byte("{\"a\":1}\n{\"a\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := takeLines(path, `"a":`); err == nil {
		t.Error("half a line is a record")
	}
	if _, _, err := takeLines(path+"x", `"a":`); err == nil {
		t.Error("a file that is not there has records")
	}
}

func TestReadEvents(t *testing.T) {
	const says = `"path":"check"`
	f := func(text string, want int, wantLast string) {
		t.Helper()
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		n, last, err := readEvents(&b, says)
		if n != want || string(last) != wantLast || (err == nil) != (wantLast != "") {
			t.Errorf("%s: %d, %s, %v, want %d", text, n, last, err, want)
		}
	}
	f(`[{"labels":{},"path":"check"},{"labels":{},"path":"data"},{"labels":{"a":"b"},"path":"check"}]`, 2, `{"labels":{"a":"b"},"path":"check"}`)
	f(`[{"labels":{}}]`, 0, `{"labels":{}}`)
	f(`{"labels":{},"path":"check"}`, 0, "")
	f(`[{"labels":{},"path":"check"},]`, 0, "")
	f(`[]`, 0, "")
	f(``, 0, "")
	if _, _, err := readEvents(strings.NewReader(`[{"labels":{},"path":"check"}]`), says); err == nil {
		t.Error("what is not compressed is taken")
	}
}

// TestLogged_count: records that did not come are counted, and none at all is a failure.
func TestLogged_count(t *testing.T) {
	l := &logged{name: "log"}
	for _, c := range []struct{ requests, came, lost, all int }{{10, 10, 0, 0}, {10, 7, 3, 3}, {10, 12, 0, 3}, {10, 9, 1, 4}} {
		l.came = c.came
		r := report.Round{Requests: c.requests}
		if err := l.count(nil, &r); err != nil || r.Extra[lost] != float64(c.lost) || l.lost != c.all {
			t.Errorf("%+v: %v, %v, %d in all", c, err, r.Extra, l.lost)
		}
	}
	l.came = 0
	if err := l.count(nil, &report.Round{Requests: 1}); err == nil {
		t.Error("a log without a record is one")
	}
}
