package request

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func questions(t testing.TB) *Questions {
	t.Helper()
	q, err := NewQuestions(3)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestQuestions_same: a body is read as it is without a memory, the first time and later,
// and what is remembered is not the request's memory.
func TestQuestions_same(t *testing.T) {
	q := questions(t)
	f := func(body string) {
		t.Helper()
		want, wantErr := ParseCheck([]byte(body))
		for range 3 {
			mine := []byte(body)
			got, err := q.Check(mine)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("Check(%s): %v, want %v", body, err, wantErr)
				continue
			}
			copy(mine, bytes.Repeat([]byte("x"), len(mine)))
			if err == nil && (string(got.Normal()) != string(want.Normal()) || got.Action != want.Action || string(got.Resource) != string(want.Resource)) {
				t.Errorf("Check(%s) = %+v, want %+v", body, got, want)
			}
		}
		batch := `{"checks":[` + body + `,{"role":"a"},` + body + `]}`
		many, wantErr := ParseChecks([]byte(batch), 3)
		for range 3 {
			mine := []byte(batch)
			got, err := q.Checks(mine)
			copy(mine, bytes.Repeat([]byte("x"), len(mine)))
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || len(got) != len(many) {
				t.Errorf("Checks(%s): %v, %v, want %v", batch, got, err, wantErr)
				continue
			}
			for i := range got {
				if string(got[i].Normal()) != string(many[i].Normal()) {
					t.Errorf("Checks(%s)[%d] = %s, want %s", batch, i, got[i].Normal(), many[i].Normal())
				}
			}
		}
	}
	f(`{"permission":"org:a:b"}`)
	f(` {"permission":"org:a:b"}`)
	f(`{"permission":"org:a:\u0062"}`)
	f(`{"action":"membership.invite","resource":{"role":"a"}}`)
	f(`{"action":"a","context":{}}`)
	f(`{}`)
	f(`{"permision":"a"}`)
	f(`{"permission":"a"`)
	f(``)
	f(`{"permission":"` + strings.Repeat("a", longestKept) + `"}`)
	if _, err := q.Checks([]byte(`{"checks":[{},{},{},{}]}`)); err == nil {
		t.Error("a batch over the limit is read")
	}
}

// TestQuestions_bounded: bodies that differ each time do not fill the memory, and those that
// name a resource are not kept.
func TestQuestions_bounded(t *testing.T) {
	q := questions(t)
	for i := range 30_000 {
		if _, err := q.Check(fmt.Appendf(nil, `{"permission":"org:a:b%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if s := q.single.Stats(); s.Bytes > questionsRoom+questionsRoom/10 || s.Evictions == 0 {
		t.Errorf("Stats = %+v, want at most %d bytes", s, questionsRoom)
	}
	q = questions(t)
	if _, err := q.Check([]byte(`{"role":"a","resource":{"id":1}}`)); err != nil || q.single.Stats().Entries != 0 {
		t.Errorf("a resource is kept: %+v, %v", q.single.Stats(), err)
	}
}

func TestQuestions_warmAllocates(t *testing.T) {
	q := questions(t)
	one, many := []byte(`{"permission":"org:a:b"}`), []byte(`{"checks":[{"role":"a"},{"role":"b"}]}`)
	read := func() {
		if _, err := q.Check(one); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Checks(many); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("bodies that were read before allocate %v times, want 0", n)
	}
}
