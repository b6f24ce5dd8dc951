package opaapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/opaapi"
)

func TestNames(t *testing.T) {
	f := func(raw string, want ...string) {
		t.Helper()
		got, err := opaapi.Names(raw)
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("Names(%q) = %q, %v, want %q", raw, got, err, want)
		}
	}
	f("")
	f("a", "a")
	f("a/b", "a", "b")
	f("a%2Fb/c", "a/b", "c")
	f("%252F", "%2F")
	f("%2e%2e/%2E", "..", ".")
	f("a+b/%2B", "a+b", "+")
	f("ключ/%D0%BA", "ключ", "к")
	f("a;b=c", "a;b=c")
	f("%5C", `\`)
	for _, raw := range []string{"/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/./b", "%", "%2", "%zz", "a b", "a\tb", `a\b`, "a#b", `a"b`, "%22", "%00", "%0a", "%7f", "%C2%85", "%ff", "%C0%AF", "\xff", "a%2Fb/ключ", "<a>", "a|b", "{a}", "a^b", "a`b", "a\x7fb"} {
		if got, err := opaapi.Names(raw); err == nil {
			t.Errorf("Names(%q) = %q, want an error", raw, got)
		}
	}
}

func TestMoved(t *testing.T) {
	const prefix = "/v1/data"
	f := func(target, want string, status int) {
		t.Helper()
		if got, s := opaapi.Moved(target, prefix); got != want || s != status {
			t.Errorf("Moved(%q) = %q, %d, want %q, %d", target, got, s, want, status)
		}
	}
	f("/v1/data", "", 0)
	f("/v1/data?a=b/", "", 0)
	f("/v1/data/a/b", "", 0)
	f("/v1/data/a%2F%2e%2e", "", 0)
	f("/v1/data/", "/v1/data", 301)
	f("/v1/data/a%2Fb/?x=1", "/v1/data/a%2Fb?x=1", 301)
	f("/v1/data//a", "/v1/data/a", 307)
	f("/v1/data/a//", "/v1/data/a/", 307)
	f("/v1/data/a/../b?x", "/v1/data/b?x", 307)
	f("/v1/data/./a", "/v1/data/a", 307)
	// Nothing is sent out of the endpoint, to another host least of all.
	for _, target := range []string{"/v1/data/../policies", "/v1/data/../../..", "/v1/data/../../\\evil.example", "/v1/data/../..//evil.example", "/v1/data/../datax", "/v1/data/a//\\b", "/v1/data//a\r\nX: y", "/v1/data//\"", "/v1/data//a\x00"} {
		f(target, "", 0)
	}
}

func TestReadOptions(t *testing.T) {
	f := func(query string, want opaapi.Options) {
		t.Helper()
		got, err := opaapi.ReadOptions(query)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("ReadOptions(%q) = %+v, %v, want %+v", query, got, err, want)
		}
	}
	f("", opaapi.Options{})
	f("pretty&metrics=true&instrument=True&provenance=TRUE&strict-builtin-errors", opaapi.Options{Pretty: true, Metrics: true, Instrument: true, Provenance: true, Strict: true})
	f("pretty=1&metrics=yes&provenance=", opaapi.Options{Provenance: true})
	f("pretty=false&pretty=true", opaapi.Options{Pretty: true})
	f("pretty&pretty", opaapi.Options{})
	f("explain=off&unknown", opaapi.Options{})
	f("input={%22a%22:1}", opaapi.Options{Input: jsontext.Value(`{"a":1}`)})
	for _, query := range []string{"explain=full", "explain=notes", "rule_labels", "input", "input={", "input=1&input=1", "input=1%202", "input={%22a%22:1,%22a%22:2}", "a=%zz", "a;b", "input=1e400"} {
		if got, err := opaapi.ReadOptions(query); err == nil {
			t.Errorf("ReadOptions(%q) = %+v, want an error", query, got)
		}
	}
}

// TestBody_bomb: what unpacks to more than it may is not unpacked.
func TestBody_bomb(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	const limit = 64 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := opaapi.Body(bomb.Bytes(), "gzip", "", limit); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("Body = %v", err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16*limit {
		t.Errorf("%d bytes packed took %d bytes of memory", bomb.Len(), took)
	}
	fits := func(n int) error {
		var text bytes.Buffer
		w := gzip.NewWriter(&text)
		_, _ = w.Write([]byte(`"` + strings.Repeat("x", n-2) + `"`))
		_ = w.Close()
		_, err := opaapi.Body(text.Bytes(), "GZIP", "", limit)
		return err
	}
	if err := fits(limit); err != nil {
		t.Error(err)
	}
	if fits(limit+1) == nil {
		t.Error("one byte more is taken")
	}
}

func TestInput(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		got, err := opaapi.Input(jsontext.Value(body))
		if err != nil || string(got) != want {
			t.Errorf("Input(%s) = %s, %v, want %s", body, got, err, want)
		}
	}
	f(`{}`, "")
	f(`null`, "")
	f(`{"input": null}`, "")
	f(`{"input": {"input": 1}}`, `{"input": 1}`)
	f(`{"other": {"input": 1}, "input": 0}`, "0")
	f(`{"\u0069nput": 1}`, "1")
	for _, body := range []string{`[]`, `1`, `"input"`, `{"Input": 1}`, `{"INPUT": 1, "input": 2}`, `{"inpu\u0054": 1}`} {
		if got, err := opaapi.Input(jsontext.Value(body)); err == nil {
			t.Errorf("Input(%s) = %s, want an error", body, got)
		}
	}
}

// FuzzReaders: nothing that a client sends panics, and what is read is one JSON value.
func FuzzReaders(f *testing.F) {
	f.Add([]byte(`{"inputs": {"a": {"b": 1}}, "common_input": {}}`), "pretty&input=1", "a/b%2Fc")
	f.Add([]byte(`{"input": [1e3, "\ud83d\ude00"]}`), "metrics=true;x", "../%2e")
	f.Add([]byte(`null`), "&&=", "//")
	f.Add([]byte("\xff{"), "%", "\xff")
	f.Fuzz(func(t *testing.T, body []byte, query, path string) {
		_, _ = opaapi.ReadOptions(query)
		_ = opaapi.ReadHealth(query)
		if names, err := opaapi.Names(path); err == nil {
			for _, name := range names {
				if name == "" || strings.ContainsAny(name, "\x00\n\"") {
					t.Errorf("Names(%q) = %q", path, names)
				}
			}
		}
		if to, status := opaapi.Moved("/v1/data/"+path, "/v1/data"); status != 0 && to != "/v1/data" && !strings.HasPrefix(to, "/v1/data/") && !strings.HasPrefix(to, "/v1/data?") {
			t.Errorf("Moved(%q) = %q", path, to)
		}
		value, err := opaapi.Body(body, "", "", 1<<16)
		if err != nil || value == nil {
			return
		}
		if !value.IsValid() {
			t.Errorf("Body(%q) = %q", body, value)
		}
		_, _ = opaapi.Input(value)
		if q, err := opaapi.ReadBatch(value, 3); err == nil && (len(q.Names) != len(q.Inputs) || len(q.Names) > 3) {
			t.Errorf("ReadBatch(%s) = %+v", value, q)
		}
	})
}

// TestRender_deep: indents do not make a document of many megabytes from a few kilobytes.
func TestRender_deep(t *testing.T) {
	f := func(text string, pretty bool) {
		t.Helper()
		got, err := opaapi.Render(jsontext.Value(text), true)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := opaapi.Render(jsontext.Value(text), false)
		if err != nil {
			t.Fatal(err)
		}
		if (string(got) != string(plain)) != pretty {
			t.Errorf("%.80s: indents are %t, want %t", text, !pretty, pretty)
		}
		if len(got) > 5<<20 {
			t.Errorf("%.80s: %d bytes", text, len(got))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, got); err != nil || compact.String()+"\n" != string(plain) {
			t.Errorf("%.80s: another document with indents", text)
		}
	}
	deep := func(n int) string {
		return strings.Repeat("[", 60) + strings.TrimSuffix(strings.Repeat("1,", n), ",") + strings.Repeat("]", 60)
	}
	f(`{"a":[1,{"b":"x,y\\\"[{"}],"c":{}}`, true)
	f(deep(20_000), true)
	f(deep(40_000), false)
	f(`["`+strings.Repeat("[,", 1_000_000)+`"]`, true)
	f(`["`+strings.Repeat(`\\\"[`, 600_000)+`"]`, true)
}
