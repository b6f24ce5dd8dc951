package requirement

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestParse(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		r, err := Parse(jsontext.Value(raw))
		if err != nil {
			t.Errorf("Parse(%s): %v", raw, err)
			return
		}
		if got := string(r.AppendJSON(nil)); got != want {
			t.Errorf("Parse(%s) = %s, want %s", raw, got, want)
		}
	}

	// Plain: every key, values of every kind as they were asked.
	f(`{"role":"org:admin"}`, `{"any":[{"role":"org:admin"}]}`)
	f(` { "permission" : "org:a:b" } `, `{"any":[{"permission":"org:a:b"}]}`)
	f(`{"plan":"p","feature":"f","permission":"x","role":"r","reverification":"lax"}`,
		`{"any":[{"role":"r","permission":"x","feature":"f","plan":"p","reverification":"lax"}]}`)
	f(`{"role":null}`, `{"any":[{"role":null}]}`)
	f(`{"role":true,"plan":[1,{"b":2,"a":1.50}]}`, `{"any":[{"role":true,"plan":[1,{"a":1.50,"b":2}]}]}`)
	f(`{"reverification":{"level":"first_factor", "afterMinutes":5}}`,
		`{"any":[{"reverification":{"afterMinutes":5,"level":"first_factor"}}]}`)
	f(`{"\u0072ole":"\u0061"}`, `{"any":[{"role":"a"}]}`)
	f(`{"role":123456789012345678901234567890}`, `{"any":[{"role":123456789012345678901234567890}]}`)

	// Nothing asked is false.
	f(`{}`, `{"any":[]}`)
	f(`{"any":[]}`, `{"any":[]}`)
	f(`{"all":[]}`, `{"any":[]}`)
	f(`{"any":[{},{"role":"a"},{"all":[]}]}`, `{"any":[{"role":"a"}]}`)
	f(`{"all":[{"role":"a"},{}]}`, `{"any":[]}`)
	f(`{"all":[{},{"role":"a"}]}`, `{"any":[]}`)
	f(`{"all":[{"role":"a"},{"any":[]},{"plan":"p"}]}`, `{"any":[]}`)

	// Conjunctions merge where they can.
	f(`{"all":[{"role":"a"},{"permission":"p"}]}`, `{"any":[{"role":"a","permission":"p"}]}`)
	f(`{"all":[{"role":"a"},{"role":"\u0061"}]}`, `{"any":[{"role":"a"}]}`)
	f(`{"all":[{"reverification":{"a":1,"b":2}},{"reverification":{"b":2, "a":1}}]}`,
		`{"any":[{"reverification":{"a":1,"b":2}}]}`)
	f(`{"all":[{"permission":"p","role":"a"},{"permission":"q"}]}`,
		`{"any":[{"all":[{"role":"a","permission":"p"},{"permission":"q"}]}]}`)
	f(`{"all":[{"role":null},{"role":"null"}]}`, `{"any":[{"all":[{"role":null},{"role":"null"}]}]}`)

	// Disjunctions collapse and multiply out.
	f(`{"any":[{"role":"a"},{"role":"b"},{"role":"a"}]}`, `{"any":[{"role":"a"},{"role":"b"}]}`)
	f(`{"any":[{"any":[{"role":"a"}]},{"any":[{"role":"b"},{"any":[{"role":"c"}]}]}]}`,
		`{"any":[{"role":"a"},{"role":"b"},{"role":"c"}]}`)
	f(`{"all":[{"any":[{"role":"a"},{"role":"b"}]},{"any":[{"plan":"x"},{"plan":"y"}]}]}`,
		`{"any":[{"role":"a","plan":"x"},{"role":"a","plan":"y"},{"role":"b","plan":"x"},{"role":"b","plan":"y"}]}`)
	f(`{"any":[{"all":[{"role":"a"},{"role":"b"}]},{"all":[{"role":"b"},{"role":"a"}]}]}`,
		`{"any":[{"all":[{"role":"a"},{"role":"b"}]}]}`)
}

func TestParse_errors(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		r, err := Parse(jsontext.Value(raw))
		if err == nil {
			t.Errorf("Parse(%s) = %s, want an error", raw, r.AppendJSON(nil))
			return
		}
		if r.Any != nil {
			t.Errorf("Parse(%s) = %s beside the error %q", raw, r.AppendJSON(nil), err)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s): error %q, want %q in it", raw, err, want)
		}
	}

	// Unknown keys, with the key that was meant.
	f(`{"roles":"a"}`, `unknown key "roles"; did you mean "role"?`)
	f(`{"Permission":"a"}`, `did you mean "permission"?`)
	f(`{"featrue":"a"}`, `did you mean "feature"?`)
	f(`{"anny":[]}`, `did you mean "any"?`)
	f(`{"any":[{"role":"a"},{"pln":"x"}]}`, `requirement at "/any/1": unknown key "pln"; did you mean "plan"?`)
	f(`{"x":1}`, `requirement: unknown key "x"`)
	f(`{"":1}`, `unknown key ""`)
	f(`{"role\u0000":"a"}`, `unknown key "role\x00"`)

	// Mixtures.
	f(`{"any":[],"all":[]}`, `wrap them in "all"`)
	f(`{"any":[{"role":"a"}],"role":"b"}`, `"any" and "role" stand side by side; wrap both in "all"`)
	f(`{"role":"b","any":[{"role":"a"}]}`, `wrap them in "all"`)
	f(`{"role":null,"any":[{"role":"a"}]}`, `wrap them in "all"`)

	// Duplicates, also in another spelling and within values.
	f(`{"role":"a","role":"a"}`, `"role" is given twice`)
	f(`{"role":"a","\u0072ole":"b"}`, `"role" is given twice`)
	f(`{"any":[],"any":[{"role":"a"}]}`, `"any" is given twice`)
	f(`{"reverification":{"level":"a","level":"b"}}`, `"level" is given twice`)

	// Shapes.
	f(`null`, `requirement: a requirement must be an object, not null`)
	f(`[{"role":"a"}]`, `must be an object, not a list`)
	f(`"role"`, `not a string`)
	f(`1`, `not a number`)
	f(`true`, `not a boolean`)
	f(`{"any":{"role":"a"}}`, `requirement at "/any": any must be a list, not an object`)
	f(`{"all":null}`, `all must be a list, not null`)
	f(`{"all":[{"role":"a"},"b"]}`, `requirement at "/all/1": a requirement must be an object, not a string`)
	f(`{"any":[[]]}`, `not a list`)
	f(`{"any":[{"role":"a"},null]}`, `not null`)

	// Not JSON, or more than one value.
	f(``, `EOF`)
	f(`{`, `not valid JSON`)
	f(`{"role"`, `not valid JSON`)
	f(`{"role":"a"`, `not valid JSON`)
	f(`{"role":"a",}`, `not valid JSON`)
	f(`{"any":[{"role":"a"}`, `not valid JSON`)
	f(`{"any":[{"role":"a"}}`, `not valid JSON`)
	f(`{role:"a"}`, `not valid JSON`)
	f(`{"role":'a'}`, `not valid JSON`)
	f(`{"role":NaN}`, `not valid JSON`)
	f("{\"role\":\"\xff\"}", `not valid JSON`)
	f(`{"role":"\ud800"}`, `not valid JSON`)
	f("\ufeff{}", `not valid JSON`)
	f(`{"role":"a"}{"role":"b"}`, `more follows`)
	f(`{} x`, `not valid JSON`)
}

// TestParse_errorsQuoteLittle holds what a stranger can put into an error, and so
// into a log, to a few printable bytes.
func TestParse_errorsQuoteLittle(t *testing.T) {
	long := strings.Repeat("é\\n", 10_000)
	for _, raw := range []string{
		`{"` + long + `":1}`,
		`{"role":{"` + long + `":1,"` + long + `":2}}`,
		`{"any":[{"all":[{"` + long + `":1}]}]}`,
		`{"role":"` + long + `"} x`,
		`{"role":"` + long,
	} {
		_, err := Parse(jsontext.Value(raw))
		if err == nil {
			t.Fatalf("Parse(%.20s…) = nil, want an error", raw)
		}
		if msg := err.Error(); len(msg) > 200 || strings.ContainsAny(msg, "\n\r\x00") {
			t.Errorf("Parse(%.20s…): error of %d bytes: %.300q", raw, len(msg), msg)
		}
	}
}

// list is a JSON array of n requirements on the member key with distinct values.
func list(key, prefix string, n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{%q:"%s%d"}`, key, prefix, i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func TestParse_limits(t *testing.T) {
	nest := func(key string, depth int) string {
		return strings.Repeat(`{"`+key+`":[`, depth-1) + `{"role":"a"}` + strings.Repeat(`]}`, depth-1)
	}
	tests := []struct {
		name  string
		raw   string
		terms int    // -1 for an error
		want  string // in the error
	}{
		{"any of 64", `{"any":` + list("role", "r", 64) + `}`, 64, ""},
		{"any of 65", `{"any":` + list("role", "r", 65) + `}`, -1, "more than 64 terms"},
		{"a thousand times one", `{"any":[` + strings.Repeat(`{"role":"a"},`, 999) + `{"role":"a"}]}`, 1, ""},
		{"8 by 8", `{"all":[{"any":` + list("role", "r", 8) + `},{"any":` + list("role", "s", 8) + `}]}`, 64, ""},
		{"8 by 9", `{"all":[{"any":` + list("role", "r", 8) + `},{"any":` + list("plan", "s", 9) + `}]}`, -1, "more than 64 terms"},
		{"64 by 64 by nothing", `{"all":[{},{"any":` + list("role", "r", 64) + `},{"any":` + list("plan", "s", 64) + `}]}`, 0, ""},
		{"64 values", `{"all":` + list("role", "r", 64) + `}`, 1, ""},
		{"65 values", `{"all":` + list("role", "r", 65) + `}`, -1, "more than 64 values"},
		{"64 by 63 values", `{"all":[{"any":` + list("role", "r", 64) + `},` + list("role", "s", 63)[1:] + `}`, 64, ""},
		{"16 deep", nest("all", 16), 1, ""},
		{"17 deep", nest("all", 17), -1, "more than 16 deep"},
		{"16 deep any", nest("any", 16), 1, ""},
		{"5000 deep", nest("any", 5000), -1, "more than 16 deep"},
		{"deep value", `{"role":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, -1, "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Parse(jsontext.Value(tt.raw))
			if tt.terms < 0 {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("Parse = %d terms, %v, want an error with %q", len(r.Any), err, tt.want)
				}
				return
			}
			if err != nil || len(r.Any) != tt.terms {
				t.Fatalf("Parse = %d terms, %v, want %d", len(r.Any), err, tt.terms)
			}
		})
	}
}

// TestParse_work sends the nests that expand to few terms but are expensive to
// multiply out, and holds the words that are copied for them to maxWork.
func TestParse_work(t *testing.T) {
	// 32 terms that share 60 values, again and again with what is already in them.
	wide := `{"any":` + list("role", "r", 32) + `},` + strings.Trim(list("permission", "p", 60), "[]")
	again := strings.Repeat(`,{"any":[{"permission":"p0"},{"permission":"p1"}]}`, 1200)
	raw := `{"all":[` + wide + again + `]}`
	if len(raw) > 64<<10 {
		t.Fatalf("the body has %d bytes: more than a server lets in", len(raw))
	}
	if _, err := Parse(jsontext.Value(raw)); err == nil || !strings.Contains(err.Error(), "too much work") {
		t.Fatalf("Parse = %v, want too much work", err)
	}

	if _, err := Parse(jsontext.Value(`{"all":[` + wide + `]}`)); err != nil {
		t.Fatalf("Parse of the same without repetition: %v", err)
	}
}

func TestParse_ownsItsMemory(t *testing.T) {
	raw := []byte(`{"any":[{"role":"admin","reverification":{"b":1,"a":2}},{"permission":"org:x:y"}]}`)
	r, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	before := string(r.AppendJSON(nil))
	clear(raw)
	if after := string(r.AppendJSON(nil)); after != before {
		t.Fatalf("after the body was reused the requirement is %s, want %s", after, before)
	}
}

func TestBuilder(t *testing.T) {
	read := func(raw string) (r Requirement, asked bool, others []string, err error) {
		dec := jsontext.NewDecoder(bytes.NewBufferString(raw))
		if _, err := dec.ReadToken(); err != nil {
			return r, false, nil, err
		}
		var b Builder
		for dec.PeekKind() != '}' {
			name, taken, err := b.Next(dec)
			if err != nil {
				return r, false, nil, err
			}
			if taken {
				continue
			}
			value, err := dec.ReadValue()
			if err != nil {
				return r, false, nil, err
			}
			others = append(others, name+"="+string(value))
		}
		return b.Requirement(), b.Asked(), others, nil
	}
	f := func(raw, want string, wantAsked bool, wantOthers ...string) {
		t.Helper()
		r, asked, others, err := read(raw)
		if err != nil {
			t.Fatalf("read(%s): %v", raw, err)
		}
		if got := string(r.AppendJSON(nil)); got != want || asked != wantAsked {
			t.Errorf("read(%s) = %s, %v, want %s, %v", raw, got, asked, want, wantAsked)
		}
		if fmt.Sprint(others) != fmt.Sprint(wantOthers) {
			t.Errorf("read(%s) left %q, want %q", raw, others, wantOthers)
		}
	}

	f(`{"resource":{"a":1},"role":"a","context":{}}`, `{"any":[{"role":"a"}]}`, true, `resource={"a":1}`, `context={}`)
	f(`{"resource":{},"all":[{"role":"a"},{"plan":"p"}]}`, `{"any":[{"role":"a","plan":"p"}]}`, true, `resource={}`)
	f(`{"action":"x"}`, `{"any":[]}`, false, `action="x"`)
	f(`{"":1}`, `{"any":[]}`, false, `=1`)
	f(`{"any":[]}`, `{"any":[]}`, true)
	f(`{}`, `{"any":[]}`, false)

	// A decoder that lets duplicates pass is no way around the rule.
	for _, raw := range []string{`{"role":"a","role":"b"}`, `{"any":[],"any":[{"role":"a"}]}`} {
		dec := jsontext.NewDecoder(bytes.NewBufferString(raw), jsontext.AllowDuplicateNames(true))
		var b Builder
		if err := b.object(dec); err == nil {
			t.Errorf("object(%s) = %s, want an error", raw, b.Requirement().AppendJSON(nil))
		}
	}
}

func TestUnknownKey_others(t *testing.T) {
	got := UnknownKey("resorce", "action", "resource", "context").Error()
	if want := `unknown key "resorce"; did you mean "resource"?`; got != want {
		t.Fatalf("UnknownKey = %s, want %s", got, want)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bb := range []struct{ name, raw string }{
		{"permission", `{"permission":"org:invoices:create"}`},
		{"any", `{"any":[{"permission":"org:invoices:create"},{"role":"org:admin"}]}`},
		{"costly", `{"all":[{"any":` + list("role", "r", 32) + `},` + strings.Trim(list("permission", "p", 60), "[]") +
			strings.Repeat(`,{"any":[{"permission":"p0"},{"permission":"p1"}]}`, 1200) + `]}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			raw := jsontext.Value(bb.raw)
			b.ReportAllocs()
			for b.Loop() {
				Parse(raw)
			}
		})
	}
}
