package audit

import (
	"bytes"
	"encoding/json"
	"errors"
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

func TestOpen_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	for i := range 2 { // the second log appends
		l, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Write(Record{ID: "d", Time: time.Unix(1, 0).UTC(), Door: "check", Item: &i, Status: 403, Reasons: decision.Denied().Reasons})
		l.Close()
		l.Close()
		l.Write(Record{})
		if l.Lost() != 1 {
			t.Errorf("Lost() = %d after a write to a closed log, want 1", l.Lost())
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(lines), text)
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
	l, err := Open("none", nil)
	if l != nil || err != nil {
		t.Errorf("Open(none) = %v, %v", l, err)
	}
	l.Write(Record{})
	l.Close()
	if l.Lost() != 0 {
		t.Error("the nil log lost something")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no", "such", "directory"), nil); err == nil {
		t.Error("Open in a missing directory succeeded")
	}
}

// stalled is a destination that takes nothing until it is let go.
type stalled struct {
	bytes.Buffer
	let chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	<-s.let
	return s.Buffer.Write(p)
}

// TestWrite_neverWaits: a destination that stalls costs records, not requests.
func TestWrite_neverWaits(t *testing.T) {
	s := &stalled{let: make(chan struct{})}
	l := start(s, nil, nil)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range queued {
				l.Write(Record{Door: "check"})
			}
		})
	}
	writers.Wait()
	lost := l.Lost()
	if lost == 0 {
		t.Error("nothing was dropped")
	}
	close(s.let)
	l.Close()
	if written := uint64(strings.Count(s.String(), "\n")); written+lost != 4*queued {
		t.Errorf("%d written and %d lost of %d", written, lost, 4*queued)
	}
}

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return len(p), nil
	}
	return 0, errors.New("no space left on device")
}

// TestWrite_recovers: after a full disk the log goes on, and what was lost is counted.
func TestWrite_recovers(t *testing.T) {
	f := &full{left: 1}
	var told []error
	l := start(f, nil, func(err error) { told = append(told, err) })
	l.Write(Record{})
	for l.Lost() == 0 {
		time.Sleep(time.Millisecond)
	}
	l.Write(Record{})
	l.Close()
	if len(told) != 1 || told[0].Error() != "no space left on device" {
		t.Errorf("told of %v, want of the full disk, once", told)
	}
	if f.left != -1 || l.Lost() != 1 {
		t.Errorf("left %d, lost %d, want one failed write and one good one", f.left, l.Lost())
	}
}

// TestWrite_withoutTokens: a token is taken out wherever a caller put it.
func TestWrite_withoutTokens(t *testing.T) {
	const raw = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	var out bytes.Buffer
	l := start(&out, nil, nil)
	l.Write(Record{
		Question: []byte(`{"any":[{"role":"` + raw + `"},{"permission":"org:eyJ:read"}]}`),
		Reasons:  []decision.Reason{{Code: decision.RoleRequired, Role: raw, Message: "not Bearer " + raw + "!"}},
	})
	l.Close()
	if text := out.String(); strings.Contains(text, "eyJh") || strings.Contains(text, "eyJz") || strings.Count(text, "[token]") != 3 || !strings.Contains(text, "org:eyJ:read") {
		t.Errorf("record: %s", text)
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

func BenchmarkAppendLine(b *testing.B) {
	r := Record{
		ID: "01234567-89ab-4def-8123-456789abcdef", Time: time.Now().UTC(), Door: "check", Question: []byte(`{"any":[{"permission":"org:invoices:read"}]}`),
		Issuer: "https://clerk.example.com", User: "user_1", Session: "sess_1", Organization: "org_1", Allow: true, Status: 200, Revision: "1", Digest: strings.Repeat("a", 64), Nanoseconds: 2000,
	}
	b.ReportAllocs()
	var line []byte
	for b.Loop() {
		line = withoutTokens(r.appendLine(line[:0]))
	}
}
