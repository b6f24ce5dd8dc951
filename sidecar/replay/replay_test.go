package replay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/replay"
)

// plain is a bundle without a rule or a model of its own.
func plain(t testing.TB) replay.Bundle {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.json"), []byte(`{"about":"nothing"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return loaded(t, dir)
}

// record is a line about an admin, with changes: pairs of a text and what takes its place.
func record(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`{"decision_id":"d-1","time":"2026-01-01T00:00:00Z","door":"check","user":"user_1","organization":"org_a","allow":true,"status":200,"revision":"1",` +
		`"input":{"now":"2026-01-01T00:00:00Z","session":{"user_id":"user_1","issuer":"i","profile":"clerk","org":{"id":"org_a","role":"org:admin"},"claims":{"email":"a@b.example"}},` +
		`"check":{"any":[{"role":"org:admin"}]}},"duration_ns":1}`)
}

// TestRun_hostile: every line that is no record is counted and named, and the records around
// it are decided.
func TestRun_hostile(t *testing.T) {
	good := record()
	o := replay.Options{New: plain(t)}
	for name, c := range map[string]struct {
		line  string
		cause replay.Cause
	}{
		"cut":             {good[:len(good)/2], replay.Malformed},
		"no JSON":         {"postern: fatal error", replay.Malformed},
		"array":           {"[" + good + "]", replay.Malformed},
		"null":            {"null", replay.Malformed},
		"empty object":    {"{}", replay.Malformed},
		"10 MiB":          {`{"door":"` + strings.Repeat("a", 10<<20) + `"}`, replay.Malformed},
		"deep":            {strings.Repeat(`{"a":`, 100_000), replay.Malformed},
		"deep array":      {`{"door":"check","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", replay.Malformed},
		"bad UTF-8":       {record("d-1", "\xff"), replay.Malformed},
		"member twice":    {record(`"allow":true`, `"allow":true,"allow":false`), replay.Malformed},
		"outcome lost":    {record(`"allow":true,`, ``), replay.Malformed},
		"other type":      {record(`"allow":true`, `"allow":"yes"`), replay.Malformed},
		"unknown input":   {record(`"check":{`, `"admin":true,"check":{`), replay.Malformed},
		"no input":        {`{"door":"check","allow":true,"status":200}`, replay.NoInput},
		"session":         {`{"door":"session","allow":true,"status":200}`, replay.OtherDoor},
		"shadow":          {record(`"duration_ns"`, `"shadow":{"allow":false,"status":403},"duration_ns"`), replay.OfShadow},
		"overloaded":      {record(`"allow":true,"status":200`, `"allow":false,"status":503,"reasons":[{"code":"overloaded"}]`), replay.Unsettled},
		"timed out":       {record(`"allow":true,"status":200`, `"allow":false,"status":403,"reasons":[{"code":"policy_timeout"}]`), replay.Unsettled},
		"token":           {record("a@b.example", "[token]"), replay.Tokens},
		"input erased":    {`{"door":"check","allow":true,"status":200,"erased":["/input"]}`, replay.Masked},
		"user lost":       {record(`"user_id":"user_1",`, ""), replay.Malformed},
		"profile erased":  {record(`"profile":"clerk",`, "", `"duration_ns"`, `"erased":["/input/session/profile"],"duration_ns"`), replay.Masked},
		"user a number":   {record(`"user_1","issuer"`, `1,"issuer"`, `"duration_ns"`, `"masked":["/input/session/user_id"],"duration_ns"`), replay.Masked},
		"reasons masked":  {record(`"allow":true`, `"allow":true,"reasons":"none"`, `"duration_ns"`, `"masked":["/reasons"],"duration_ns"`), replay.Masked},
		"shadow erased":   {record(`"duration_ns"`, `"erased":["/shadow"],"duration_ns"`), replay.OfShadow},
		"ambiguous":       {`{"door":"forward_auth","path":"/a","allow":false,"status":400,"reasons":[{"code":"path_ambiguous"}]}`, replay.Unasked},
		"no question":     {`{"door":"check","allow":false,"status":400,"reasons":[{"code":"request_malformed"}]}`, replay.Unasked},
		"question":        {`{"door":"check","question":{"any":[]},"allow":false,"status":400,"reasons":[{"code":"request_malformed"}]}`, replay.NoInput},
		"path of one":     {`{"door":"forward_auth","path":"/a","allow":false,"status":400,"reasons":[{"code":"request_malformed"}]}`, replay.NoInput},
		"question masked": {`{"door":"check","allow":false,"status":400,"reasons":[{"code":"request_malformed"}],"erased":["/question"]}`, replay.NoInput},
		"role masked":     {record(`"duration_ns"`, `"masked":["/input/session/org/role"],"duration_ns"`), replay.Masked},
		"outcome erased":  {record(`"duration_ns"`, `"erased":["/reasons"],"duration_ns"`), replay.Masked},
		"withheld":        {record(`"check":{"any":[{"role":"org:admin"}]}`, `"data":{"path":["a"],"withheld":["token"]}`), replay.Credentials},
		"path of nothing": {record(`"check":{"any":[{"role":"org:admin"}]}`, `"request":{"door":"forward_auth","method":"GET","path":"/a/../b"}`), replay.Malformed},
	} {
		got := run(t, good+"\n"+c.line+"\n\n"+good, o)
		if got.Read != 3 || got.Same != 2 || len(got.Skipped) != 1 || got.Skipped[0].Cause != c.cause || got.Skipped[0].Count != 1 || got.Skipped[0].Lines[0] != "log:2" {
			t.Errorf("%s: %s", name, table(t, got))
		}
	}
	// What no rule reads may be missing.
	for _, line := range []string{
		record(`,"claims":{"email":"a@b.example"}`, "", `"duration_ns"`, `"erased":["/input/session/claims"],"duration_ns"`),
		record("a@b.example", "***", `"duration_ns"`, `"masked":["/input/session/claims/email","/user"],"duration_ns"`),
		record(`"user_id":"user_1",`, "", `"duration_ns"`, `"erased":["/input/session/user_id"],"duration_ns"`),
		record(`"user_id":"user_1"`, `"user_id":""`, `"user":"user_1",`, ``, `"duration_ns"`, `"masked":["/input/session/user_id"],"erased":["/user"],"duration_ns"`),
		record(`"org:admin"}]}`, `"org:owner"}]}`, `"allow":true,"status":200`, `"allow":false,"status":403,"reasons":[{"code":"role_required","role":"org:owner"}]`, `"duration_ns"`, `"erased":["/reasons/0/message"],"duration_ns"`),
	} {
		if got := run(t, line, o); got.Same != 1 {
			t.Errorf("%s: %s", line, table(t, got))
		}
	}
}

// TestRun_changes: both ways are told apart from other reasons, and what is wrong with a text
// of the log does not reach a terminal or a page.
func TestRun_changes(t *testing.T) {
	denied := `"allow":false,"status":403,"reasons":[{"code":"role_required","role":"org:admin","message":"other words"}]`
	text := strings.Join([]string{
		record(),
		record(`"allow":true,"status":200`, denied),
		record(`"any":[{"role":"org:admin"}]`, `"any":[{"role":"org:owner"}]`, "user_1", "u\x1b[31m|<b>"),
		record(`"any":[{"role":"org:admin"}]`, `"any":[{"role":"org:owner"}]`, `"allow":true,"status":200`, denied),
		record(`"any":[{"role":"org:admin"}]`, `"any":[{"role":"org:owner"}]`, `"allow":true,"status":200`, strings.Replace(denied, "org:admin", "org:owner", 1)),
	}, "\n")
	text = strings.ReplaceAll(text, "\x1b", `\u001b`)
	got := run(t, text, replay.Options{New: plain(t)})
	if got.Same != 2 || got.Allowed.Count != 1 || got.Denied.Count != 1 || got.Reasons.Count != 1 || len(got.Skipped) != 0 {
		t.Fatalf("report: %s", table(t, got))
	}
	plainText := table(t, got)
	if strings.Contains(plainText, "\x1b") || strings.Index(plainText, "newly allowed: 1\n  role org:admin: role_required -> allow: 1\n") > strings.Index(plainText, "newly denied: 1\n  role org:owner: allow -> role_required: 1\n") {
		t.Errorf("table:\n%s", plainText)
	}
	var markdown, document bytes.Buffer
	if err := errors.Join(got.WriteMarkdown(&markdown), got.WriteJSON(&document)); err != nil {
		t.Fatal(err)
	}
	if text := markdown.String(); strings.Contains(text, "<b>") || strings.Contains(text, "\x1b") || !strings.Contains(text, "### Newly allowed: 1") {
		t.Errorf("markdown:\n%s", text)
	}
	if text := document.String(); !jsontext.Value(text).IsValid() || !strings.Contains(text, `"deny_to_allow": {`) {
		t.Errorf("JSON: %s", text)
	}
}

// TestRun_documents: documents that OPA's clients ask for are decided again, by the path that
// was asked for.
func TestRun_documents(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acme.rego"), []byte("package acme\n\ndefault allow := false\n\nallow if input.a == 2\n\nnames := [1]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := replay.Options{New: loaded(t, dir)}
	question := `"check":{"any":[{"role":"org:admin"}]}`
	neither := `"allow":false,"status":200`
	text := strings.Join([]string{
		record(question, `"data":{"path":["acme","allow"],"input":{"a":2}}`),
		record(question, `"data":{"path":["acme","allow"],"input":{"a":2}}`, `"allow":true,"status":200`, `"allow":false,"status":403,"reasons":[{"code":"policy_denied"}]`),
		record(question, `"data":{"path":["acme","allow"],"input":{"a":1}}`),
		record(question, `"data":{"path":["acme","names"]}`, `"allow":true,"status":200`, neither),
		record(question, `"data":{"path":["model"]}`, `"allow":true,"status":200`, `"allow":false,"status":403,"reasons":[{"code":"policy_denied"}]`),
	}, "\n")
	got := run(t, text, o)
	if got.Same != 3 || got.Allowed.Count != 1 || got.Denied.Count != 1 || got.Allowed.Groups[0].What != "data.acme.allow" {
		t.Errorf("report: %s", table(t, got))
	}
}

// TestRun_order: what is shown does not depend on which processor was faster, and stays
// within bounds.
func TestRun_order(t *testing.T) {
	var text strings.Builder
	for i := range 2400 {
		text.WriteString(record("d-1", fmt.Sprint("d-", i), `"any":[{"role":"org:admin"}]`, fmt.Sprintf(`"any":[{"role":"org:r%d"}]`, i%1200)) + "\n")
	}
	o := replay.Options{New: plain(t)}
	first := run(t, text.String(), o)
	if first.Denied.Count != 2400 || len(first.Denied.Groups) != 1000 || first.Denied.More != 400 || first.Denied.Groups[0].Examples[0].Line != "log:1" {
		t.Errorf("%d groups of %d, %d more", len(first.Denied.Groups), first.Denied.Count, first.Denied.More)
	}
	for range 3 {
		if again := run(t, text.String(), o); table(t, again) != table(t, first) {
			t.Fatal("two reports of one log differ")
		}
	}
}

// endless writes the same record again and again.
type endless struct {
	record string
	left   int
	rest   string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.left--; e.left < 0 {
			return 0, io.EOF
		}
		e.rest = e.record
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestRun_memory: memory does not grow with the log.
func TestRun_memory(t *testing.T) {
	const lines = 20_000
	o := replay.Options{New: plain(t)}
	log := &endless{record: record(`"any":[{"role":"org:admin"}]`, `"any":[{"role":"org:owner"}]`) + "\n", left: lines}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got, err := replay.Run(t.Context(), []replay.Log{{Name: "log", Reader: log}}, o)
	if err != nil || got.Denied.Count != lines {
		t.Fatalf("%+v, %v", got, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+8<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before.HeapAlloc, after.HeapAlloc)
	}
}

func TestRun_logs(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprintln(w, record())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := replay.Options{New: plain(t)}
	got, err := replay.Run(t.Context(), []replay.Log{
		{Name: "a", Reader: strings.NewReader(record())},
		{Name: "b", Reader: bytes.NewReader(append(packed.Bytes(), packed.Bytes()...))},
		{Name: "c", Reader: strings.NewReader("")},
		{Name: "d", Reader: strings.NewReader("\n\nx")},
	}, o)
	if err != nil || got.Read != 4 || got.Same != 3 || got.Skipped[0].Lines[0] != "d:3" {
		t.Errorf("Run = %+v, %v", got, err)
	}
	// A log that cannot be read is no log without flips.
	_, err = replay.Run(t.Context(), []replay.Log{{Name: "cut.gz", Reader: bytes.NewReader(packed.Bytes()[:packed.Len()-10])}}, o)
	if err == nil || !strings.Contains(err.Error(), "cut.gz") {
		t.Errorf("a cut archive: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := replay.Run(ctx, []replay.Log{{Name: "a", Reader: strings.NewReader(record())}}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}

// TestRun_names: whether the headers that name who asks are too long is not told where a name
// is masked that decides it, and is where it does not.
func TestRun_names(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.yaml"), []byte("model: {routes: [{match: /a, signed_in: true}]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := replay.Options{New: loaded(t, dir)}
	f := func(permissions int, erased string, same, denied, skipped int) {
		t.Helper()
		got := run(t, record(`"check":{"any":[{"role":"org:admin"}]}`, `"request":{"door":"forward_auth","method":"GET","path":"/a"}`,
			`"role":"org:admin"}`, `"role":"org:admin","permissions":["org:a:`+strings.Repeat("p", permissions)+`"]}`, `"duration_ns"`, erased+`"duration_ns"`), o)
		if got.Same != same || got.Denied.Count != denied || got.Of(replay.Masked) != skipped {
			t.Errorf("permissions of %d bytes, %s: %s", permissions, erased, table(t, got))
		}
	}
	const masked = `"masked":["/input/session/user_id"],`
	f(100, "", 1, 0, 0)
	f(100, masked, 1, 0, 0)
	f(16200, "", 1, 0, 0)
	f(16200, masked, 0, 0, 1) // with another name, it may be too long
	f(17000, "", 0, 1, 0)
	f(17000, masked, 0, 1, 0) // it is too long with any
}

// TestRun_packed: a line that gzip makes much of a little of takes no memory.
func TestRun_packed(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, record())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := replay.Options{New: plain(t)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := replay.Run(t.Context(), []replay.Log{{Name: "log", Reader: &packed}}, o)
	runtime.ReadMemStats(&after)
	if err != nil || got.Of(replay.Malformed) != 1 || got.Same != 1 || after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("%+v, %v, %d bytes", got, err, after.TotalAlloc-before.TotalAlloc)
	}
}

// TestRun_silent: a log that gives nothing to read does not keep a replay from ending.
func TestRun_silent(t *testing.T) {
	silent, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	o := replay.Options{New: plain(t)}
	ended := make(chan error, 1)
	go func() {
		_, err := replay.Run(ctx, []replay.Log{{Name: "-", Reader: silent}}, o)
		ended <- err
	}()
	if _, err := io.WriteString(w, record()+"\n"); err != nil { // somebody reads
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for the log")
	}
}

// seeds are lines of recorded logs, and others.
func seeds(f *testing.F) {
	f.Helper()
	recorded, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(recorded) == 0 {
		f.Fatal("no recorded logs", err)
	}
	for _, name := range recorded {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		n := 0
		for line := range bytes.Lines(text) {
			if n++; n%10 == 0 {
				f.Add(line)
			}
		}
	}
	f.Add([]byte(record(`"duration_ns"`, `"masked":["/input/session/user_id"],"erased":["/reasons/0/message"],"duration_ns"`)))
	f.Add([]byte("\n" + record() + strings.Repeat("x", 2<<20) + "\n" + record()))
	f.Add([]byte(record()))
	f.Add([]byte(record() + "\n{\"door\":\"check\"}\n\x1f\x8b"))
	f.Add([]byte(record(`"check":{"any":[{"role":"org:admin"}]}`, `"request":{"door":"ext_authz_grpc","method":"GET","path":"/b","parts":{"envoy":true},"envoy":{"request":{"http":{"method":"GET","path":"/b"}}}}`)))
	f.Add([]byte(record(`"duration_ns"`, `"erased":["/input/session/claims/email","/x~1y"],"duration_ns"`)))
	f.Add([]byte("\x1f\x8b\x08"))
}

// FuzzRun: no log panics, and every line is accounted for and, where it is skipped, named, also
// where the log is compressed.
func FuzzRun(f *testing.F) {
	seeds(f)
	o := replay.Options{New: plain(f), Examples: 3}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := replay.Run(t.Context(), []replay.Log{{Name: "log", Reader: bytes.NewReader(text)}}, o)
		if err != nil {
			return
		}
		lines := 0
		for line := range bytes.Lines(text) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if packed := bytes.HasPrefix(text, []byte("\x1f\x8b")); !packed && got.Read != lines {
			t.Errorf("%d of %d lines are read", got.Read, lines)
		}
		n := got.Same + got.Allowed.Count + got.Denied.Count + got.Reasons.Count
		for _, s := range got.Skipped {
			n += s.Count
			if s.Cause == replay.Panicked {
				t.Errorf("a panic: %q", text)
			}
			for _, at := range s.Lines {
				if n, err := strconv.Atoi(strings.TrimPrefix(at, "log:")); err != nil || n < 1 {
					t.Errorf("a line has no number: %s", at)
				}
			}
		}
		if n != got.Read {
			t.Errorf("%d of %d lines are accounted for", n, got.Read)
		}
		plainText := table(t, got)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(text); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		if again, err := replay.Run(t.Context(), []replay.Log{{Name: "log", Reader: &packed}}, o); !bytes.HasPrefix(text, []byte("\x1f\x8b")) && (err != nil || table(t, again) != plainText) {
			t.Errorf("compressed: %v, %+v", err, again)
		}
	})
}
