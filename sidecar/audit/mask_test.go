package audit

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/logmask"
)

// fixed is a mask that always says the same.
func fixed(drop bool, err error, edits ...logmask.Edit) Mask {
	return func(context.Context, jsontext.Value) ([]logmask.Edit, bool, error) { return edits, drop, err }
}

// TestWrite_masked: a mask edits, drops, and where it fails, leaves little.
func TestWrite_masked(t *testing.T) {
	const raw = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	path := filepath.Join(t.TempDir(), "d")
	l := opened(t, Options{To: path})
	f := func(m Mask, required bool, want string) {
		t.Helper()
		before := len(contents(t, path))
		done := l.Status()
		l.Write(&Record{ID: "d", Door: "check", User: "ada", Path: "/secret", Question: []byte(`{"any":[{"role":"a"}]}`), Allow: true, Status: 200, Revision: "r", Digest: "x", Mask: m, Required: required})
		eventually(t, "it is done", func() bool {
			s := l.Status()
			return s.Records[Written]+s.Records[Reduced]+s.Records[Dropped] == done.Records[Written]+done.Records[Reduced]+done.Records[Dropped]+1
		})
		got := contents(t, path)[before:]
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if strings.Contains(got, raw[:30]) {
			t.Errorf("a token: %s", got)
		}
		if strings.Contains(want, "mask_error") && (strings.Contains(got, "ada") || strings.Contains(got, "secret") || strings.Contains(got, "role")) {
			t.Errorf("more than little is left: %s", got)
		}
	}
	f(fixed(false, nil), false, `"user":"ada"`)
	f(fixed(true, nil), false, "")
	f(fixed(true, nil), true, `"user":"ada"`) // what is required is not dropped
	f(fixed(false, nil, logmask.Edit{Pointer: "/user"}), false, `{"allow":true,"decision_id":"d","digest":"x","door":"check","duration_ns":0,"erased":["/user"],"path"`)
	f(fixed(false, nil, logmask.Edit{Pointer: "/path", Value: []byte(`"Bearer ` + raw + `"`)}), false, `"masked":["/path"],"path":"Bearer [token]"`)
	f(fixed(false, nil, logmask.Edit{Pointer: "/a", Value: []byte(`"eyJhbGciOiJSUzI1NiJ9\u002eeyJzdWIiOiJ1c2VyXzEifQ"`)}), false, `"a":"[token]"`)
	f(fixed(false, nil, logmask.Edit{Pointer: "/time"}), false, `"mask_error":"protected"}`)
	f(fixed(false, nil, logmask.Edit{Pointer: "/user/x"}), false, `"mask_error":"path"}`)
	f(fixed(false, logmask.Timeout), false, `{"decision_id":"d","time":"0001-01-01T00:00:00Z","door":"check","allow":true,"status":200,"revision":"r","digest":"x","mask_error":"timeout"}`)
	f(fixed(false, context.Canceled), false, `"mask_error":"error"}`)
	f(func(context.Context, jsontext.Value) ([]logmask.Edit, bool, error) { panic("ada") }, false, `"mask_error":"error"}`)
	f(func(_ context.Context, r jsontext.Value) ([]logmask.Edit, bool, error) {
		if !r.IsValid() || !strings.Contains(string(r), `"user":"ada"`) {
			return nil, false, logmask.Shape
		}
		return nil, false, nil
	}, false, `"user":"ada"`)
}

// TestRecord_maskedLittle: what is left where a mask fails tells an item of a batch from the
// others, and a record about a shadow from that of the decision.
func TestRecord_maskedLittle(t *testing.T) {
	item := 3
	r := Record{
		ID: "d", Door: "checks", Item: &item, User: "ada", Allow: true, Status: 200, Mask: fixed(false, logmask.Timeout),
		Shadow: &Shadow{Status: 403, Reasons: decision.Because(decision.RoleRequired, "ada is none").Reasons, Revision: "next"},
	}
	text, reduced := r.masked(t.Context(), r.appendLine(nil))
	const want = `{"decision_id":"d","time":"0001-01-01T00:00:00Z","door":"checks","item":3,"allow":true,"status":200,"shadow":{"allow":false,"status":403,"revision":"next"},"mask_error":"timeout"}` + "\n"
	if !reduced || string(text) != want {
		t.Errorf("got  %swant %s", text, want)
	}
}
