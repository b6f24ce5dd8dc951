package request

import (
	"strings"
	"testing"
)

func TestParseCheck(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		q, err := ParseCheck([]byte(body))
		if err != nil {
			t.Fatalf("ParseCheck(%s): %v", body, err)
		}
		got := string(q.Require.AppendJSON(nil)) + " " + q.Action + " " + string(q.Resource) + " " + string(q.Context)
		if got != want {
			t.Errorf("ParseCheck(%s) = %s, want %s", body, got, want)
		}
	}
	f(`{}`, `{"any":[]}   `)
	f(`{"role":"a"}`, `{"any":[{"role":"a"}]}   `)
	f(" \n{\"context\":{\"b\":1},\"role\":\"a\",\"resource\":{}}\t", `{"any":[{"role":"a"}]}  {} {"b":1}`)
	f(`{"resource":{"role":"x"}}`, `{"any":[]}  {"role":"x"} `)
	f(`{"action":"a","resource":{"n":-1.5e3}}`, `{"any":[]} a {"n":-1.5e3} `)
	f(`{"all":[{"role":"a"},{"role":"b"}]}`, `{"any":[{"all":[{"role":"a"},{"role":"b"}]}]}   `)
}

// TestParseCheck_owned: a question keeps nothing of the body, which the server reuses.
func TestParseCheck_owned(t *testing.T) {
	body := []byte(`{"permission":"org:a:b","resource":{"id":"r"},"context":{"k":"v"}}`)
	q, err := ParseCheck(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'X'
	}
	if got := string(q.Require.AppendJSON(nil)) + string(q.Resource) + string(q.Context); got != `{"any":[{"permission":"org:a:b"}]}{"id":"r"}{"k":"v"}` {
		t.Errorf("the question changed with the body: %s", got)
	}
}

func TestParseCheck_bounds(t *testing.T) {
	f := func(body string, ok bool) {
		t.Helper()
		if _, err := ParseCheck([]byte(body)); (err == nil) != ok {
			t.Errorf("ParseCheck(%.60s…) = %v, want ok %v", body, err, ok)
		}
	}
	nested := func(n int) string {
		return `{"context":` + strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n) + `}`
	}
	f(nested(maxDepth-1), true)
	f(nested(maxDepth), false)
	f(`{"context":{"n":`+strings.Repeat("1", maxNumber)+`}}`, true)
	f(`{"context":{"n":`+strings.Repeat("1", maxNumber+1)+`}}`, false)
	f(`{"context":{"n":1e308}}`, true)
	f(`{"context":{"n":1e309}}`, false)
	f(`{"context":{"n":-1e999999999}}`, false)
	f(`{"context":{"s":"1e999 [[[[ \" {{{ 11111111111111111111111111111111111111111111111111111111111111111"}}`, true)
	f(`{"reverification":{"level":"first_factor","afterMinutes":1e400}}`, false)
	f(`{"reverification":{"level":"first_factor","afterMinutes":1e-99999999999999}}`, false)
	f(strings.Repeat("[", 1<<16), false)
	f(strings.Repeat("{\"all\":[", 1<<13), false)
}

func TestPlainNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-12.5e-7": true, "1e308": true, "1e309": false, "1e-400": false, "1e-99999999999999": false, "0e-99999999999999": false, "0.0e1": true, "5e-324": true, "0e00001": true, "": false, "-": false, "0x10000000000p9999": false,
		strings.Repeat("9", maxNumber): true, strings.Repeat("9", maxNumber+1): false,
	} {
		if got := PlainNumber(text); got != want {
			t.Errorf("PlainNumber(%.20s) = %v, want %v", text, got, want)
		}
	}
}

// FuzzParseCheck: no body panics, and what is understood is understood the same again.
func FuzzParseCheck(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"role":"a"}`, `{"any":[{"role":"a"},{}]}`, `{"action":"x","resource":{}}`, `{"context":{"n":1e999}}`,
		`{"all":[{"role":"a"},{"role":"b"},{"any":[{"plan":"p"},{"feature":null}]}]}`, "{\"role\":\"\\ud800\"}", `{"role":"a"} {`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := ParseCheck(body)
		if err != nil {
			return
		}
		if q.Action != "" && len(q.Require.Any) > 0 {
			t.Fatalf("%q is an action and a requirement", body)
		}
		text := q.Require.AppendJSON(nil)
		again, err := ParseCheck(text)
		if err != nil || string(again.Require.AppendJSON(nil)) != string(text) {
			t.Fatalf("%q became %s, which becomes %v, %v", body, text, again, err)
		}
	})
}

func BenchmarkParseCheck(b *testing.B) {
	body := []byte(`{"permission":"org:invoices:create"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCheck(body); err != nil {
			b.Fatal(err)
		}
	}
}
