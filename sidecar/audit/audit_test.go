package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	jsonexp "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// opened is a log that its test closes, at the latest.
func opened(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(l) })
	return l
}

// shut closes a log that is well.
func shut(l *Log) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = l.Close(ctx)
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func contents(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOpen_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	for i := range 2 { // the second log appends
		l := opened(t, Options{To: path})
		l.Write(&Record{ID: "d", Time: time.Unix(1, 0).UTC(), Door: "check", Item: &i, Status: 403, Reasons: decision.Denied().Reasons})
		shut(l)
		shut(l)
		if l.Write(&Record{}) || l.Lost() != 1 {
			t.Errorf("Lost() = %d after a write to a closed log, want 1", l.Lost())
		}
		if s := l.Status(); s.Records[Written] != 1 || s.Failing || s.QueuedBytes != 0 || s.To != path {
			t.Errorf("status %+v", s)
		}
	}
	lines := strings.Split(strings.TrimSpace(contents(t, path)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(lines), lines)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &r); err != nil {
		t.Fatal(err)
	}
	if r["decision_id"] != "d" || r["door"] != "check" || r["allow"] != false || r["item"] != 1.0 || r["time"] != "1970-01-01T00:00:01Z" {
		t.Errorf("record = %v", r)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestOpen_nothing(t *testing.T) {
	l, err := Open(Options{To: "none"})
	if l != nil || err != nil {
		t.Errorf("Open(none) = %v, %v", l, err)
	}
	if l.Write(&Record{}) {
		t.Error("the nil log took a record")
	}
	l.Reopen()
	shut(l)
	if l.Lost() != 0 || l.Status().To != "none" {
		t.Error("the nil log lost something")
	}
	if _, err := Open(Options{To: filepath.Join(t.TempDir(), "no", "such", "directory")}); err == nil {
		t.Error("Open in a missing directory succeeded")
	}
}

// TestWrite_neverWaits: a destination that stalls costs records, not requests, and the end
// of the log does not wait for it.
func TestWrite_neverWaits(t *testing.T) {
	pipe, stalled, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	l := (&Log{sink: newFile("", Rotate{}, stalled)}).start(Options{Buffer: 256 << 10})
	const writers, each = 4, 4096
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				l.Write(&Record{Door: "check"})
			}
		})
	}
	all.Wait()
	lost := l.Lost()
	if lost == 0 {
		t.Error("nothing was dropped")
	}
	if q := l.Status().QueuedBytes; q > 256<<10 {
		t.Errorf("%d bytes wait, more than there is room for", q)
	}
	read := make(chan int)
	go func() {
		n, lines := 0, bufio.NewScanner(pipe)
		for lines.Scan() {
			n++
		}
		read <- n
	}()
	shut(l)
	stalled.Close()
	if written := <-read; uint64(written)+lost != writers*each || l.Status().Records[Written] != uint64(written) {
		t.Errorf("%d written, %d lost of %d; %+v", written, lost, writers*each, l.Status())
	}
}

// TestClose_stalled: the end of a log is bounded, and what is left is lost.
func TestClose_stalled(t *testing.T) {
	pipe, stalled, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := (&Log{sink: newFile("", Rotate{}, stalled)}).start(Options{})
	for range 2000 {
		l.Write(&Record{Door: "check"})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := l.Close(ctx); err == nil || !strings.Contains(err.Error(), "bytes of records are lost") {
		t.Errorf("Close of a log that hangs = %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("closing took %s", took)
	}
	pipe.Close() // so that the writer ends
	<-l.done
	if s := l.Status(); s.Records[Written]+s.Lost[LostWrite] != 2000 || s.Lost[LostWrite] == 0 {
		t.Errorf("status %+v", s)
	}
}

// TestWrite_withoutTokens: a token is taken out wherever a caller put it.
func TestWrite_withoutTokens(t *testing.T) {
	const raw = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	path := filepath.Join(t.TempDir(), "d")
	l := opened(t, Options{To: path})
	l.Write(&Record{
		Question: []byte(`{"any":[{"role":"` + raw + `"},{"permission":"org:eyJ:read"}]}`),
		Reasons:  []decision.Reason{{Code: decision.RoleRequired, Role: raw, Message: "not Bearer " + raw + "!"}},
	})
	shut(l)
	if text := contents(t, path); strings.Contains(text, "eyJh") || strings.Contains(text, "eyJz") || strings.Count(text, "[token]") != 3 || !strings.Contains(text, "org:eyJ:read") {
		t.Errorf("record: %s", text)
	}
}

// TestWithoutTokens: other spellings of a token, and what only looks a little like one.
func TestWithoutTokens(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := string(withoutTokens([]byte(text))); strings.TrimSuffix(got, "\n") != want {
			t.Errorf("withoutTokens(%s) = %s, want %s", text, got, want)
		}
	}
	f(`{"a":"eyJhbGciOiJSUzI1NiJ9%2EeyJzdWIiOiJ1c2VyXzEifQ%2ec2lnbmF0dXJl"}`, `{"a":"[token]"}`)
	f(`{"a":"\u0065yJhbGciOiJSUzI1NiJ9\u002eeyJzdWIi.c2ln"}`, `{"a":"[token]"}`)
	f(`{"a":"eyJhbGciOiJSUzI1NiJ9","b":"eyJzdWIiOiJ1c2VyXzEifQ"}`, `{"a":"[token]","b":"[token]"}`)
	f(`{"a":"eyAiYWxnIjoiUlMyNTYifQ.eyAic3ViIjoidSJ9.c2lnbmF0dXJlc2ln"}`, `{"a":"[token]"}`)
	f(`{"host":"ew0.example.com","a":"eyJ","b":"org:eyJ:read","c":"keyJob"}`, `{"host":"ew0.example.com","a":"eyJ","b":"org:eyJ:read","c":"keyJob"}`)
	f(`{"a":"\u0001"}`, `{"a":"\u0001"}`)
	// The digit of an escape is no letter of a token, and what is no escape may be one.
	f(`{"a":"\u000eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln"}`, `{"a":"\u000EyJhbGciOiJSUzI1NiJ9.[token]"}`)
	f(`{"a":"\u001eyJhbGciOiJSUzI1NiJ9eyJhbGciOiJSUzI1NiJ9"}`, `{"a":"\u001EyJhbGciOiJSUzI1NiJ9[token]"}`)
	f(`{"a":"\\u000eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln"}`, `{"a":"\\u000[token]"}`)
	f(`{"a":"\\\u000eyJhbGciOiJSUzI1NiJ9"}`, `{"a":"\\\u000EyJhbGciOiJSUzI1NiJ9"}`)
}

// TestWithoutTokens_wellFormed: whatever a caller writes, a record stays one line of JSON.
func TestWithoutTokens_wellFormed(t *testing.T) {
	for c := range rune(0x20) {
		line := (&Record{Path: string(c) + "yJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ"}).appendLine(nil)
		if got := withoutTokens(line); !jsontext.Value(got).IsValid() || strings.Count(string(got), "\n") != 1 {
			t.Errorf("U+%04X: %s", c, got)
		}
	}
}

// TestRecord_size: whatever is long in a record counts.
func TestRecord_size(t *testing.T) {
	const long = 1 << 20
	text := strings.Repeat("x", long)
	v := reflect.ValueOf
	var grow func(r *Record, at reflect.Value, name string)
	grow = func(r *Record, at reflect.Value, name string) {
		for i := range at.NumField() {
			field, of := at.Field(i), name+at.Type().Field(i).Name
			was := reflect.New(field.Type()).Elem()
			was.Set(field)
			switch {
			case field.Kind() == reflect.String:
				field.SetString(text)
			case field.Type() == reflect.TypeFor[jsontext.Value]():
				field.SetBytes([]byte(text))
			default:
				continue
			}
			// These are as long as this program makes them.
			if short := strings.Contains(" ID Door Result Revision Digest Engine TraceID SpanID Shadow.Revision Shadow.Digest Code ", " "+of+" "); !short && r.size() < long {
				t.Errorf("%s does not count", of)
			}
			field.Set(was)
		}
	}
	r := &Record{Reasons: make([]decision.Reason, 1), Shadow: &Shadow{Reasons: make([]decision.Reason, 1)}}
	grow(r, v(r).Elem(), "")
	grow(r, v(r.Shadow).Elem(), "Shadow.")
	grow(r, v(&r.Reasons[0]).Elem(), "")
	grow(r, v(&r.Shadow.Reasons[0]).Elem(), "")
}

// TestSample: the share is kept, for one id it is always the same, and smaller shares are
// parts of larger ones.
func TestSample(t *testing.T) {
	l := opened(t, Options{To: filepath.Join(t.TempDir(), "d")})
	const n = 20_000
	in := 0
	for range n {
		id := decision.NewID()
		small, large := l.Sample(id, 0.1), l.Sample(id, 0.3)
		if small && !large || small != l.Sample(id, 0.1) {
			t.Fatalf("%s: in 0.1: %v, in 0.3: %v", id, small, large)
		}
		if small {
			in++
		}
		if l.Sample(id, 0) || !l.Sample(id, 1) {
			t.Fatal("none or all")
		}
	}
	if in < n/10-300 || in > n/10+300 { // more than six standard deviations
		t.Errorf("%d of %d in a share of 0.1", in, n)
	}
	if l.Status().Records[Sampled] == 0 || l.Lost() != 0 {
		t.Errorf("status %+v: what is sampled out is no loss", l.Status())
	}
}

// TestRecord_appendLine compares what is spelled out with what the library makes of the
// tags, with every member set and with none.
func TestRecord_appendLine(t *testing.T) {
	var whole Record
	fill(reflect.ValueOf(&whole).Elem())
	whole.Question = []byte(`{"any":[{"role":"a"}]}`)
	whole.Time = time.Unix(1767225600, 120_000_000).UTC()
	odd := Record{Time: whole.Time, ID: "a\"b\\", Path: "/ä\u2028<&>\x01", User: "\xff", Reasons: []decision.Reason{}}
	zero := 0
	for _, r := range []Record{{}, whole, odd, {Item: &zero, Allow: true, Nanoseconds: -1}} {
		want, err := jsonexp.Marshal(r, jsontext.AllowInvalidUTF8(true))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.appendLine(nil)); got != string(want)+"\n" {
			t.Errorf("appendLine = %s\nwant         %s", got, want)
		}
	}
}

// fill gives every member of a struct another value.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Struct {
				f.Set(reflect.MakeSlice(f.Type(), 2, 2))
				fill(f.Index(0))
			}
		}
	}
}
