package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/cmd/soak/origin"
	"postern/cmd/soak/world"
	"postern/sidecar/token/mint"
)

// newJudge is one with the good revisions that a run of a few seconds of revisions has.
func newJudge(t *testing.T) *judge {
	t.Helper()
	w := world.World{Seed: 5}
	b, err := origin.NewBundles(w, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := b.Settle(); err != nil {
			t.Fatal(err)
		}
	}
	return &judge{world: w, bundles: b, issuers: map[string]*origin.Keys{}, faults: map[string]int{}, counts: map[string]map[string]int{}}
}

// TestJudge_showed: a revision that was never published, and one that is older than one
// that was seen before the request, are wrong.
func TestJudge_showed(t *testing.T) {
	j := newJudge(t)
	f := func(ok bool, revision int, s span) {
		t.Helper()
		if err := j.showed(revision, s); (err == nil) != ok {
			t.Errorf("revision %d, seen from %d: %v", revision, s.from, err)
		}
	}
	before := j.begin()
	f(true, 10, j.begin())
	f(true, 9, before) // it was asked before
	f(false, 9, j.begin())
	f(true, 10, j.begin())
	f(true, 41, j.begin())
	f(false, 40, j.begin())
	f(false, 42, j.begin())
	f(false, 0, before)
}

// TestJudge_decided: an answer of no revision that can have been in force is wrong.
func TestJudge_decided(t *testing.T) {
	j := newJudge(t)
	key, err := mint.NewKey("a")
	if err != nil {
		t.Fatal(err)
	}
	never := map[world.Kind]bool{}
	for kind := range world.Kinds {
		for n := range 20 {
			s, err := j.world.NewSession(world.Kind(kind), n, "https://i", key, key, "a", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, permission := range world.Permissions() {
				q := j.permission(s, permission)
				latest := span{time.Now(), 41}
				want := j.world.Check(s, permission, 41)
				right := verdict{want.Allow, want.Status, want.Code}
				if err := j.decided(q, latest, right); err != nil {
					t.Error(err)
				}
				wrong := verdict{allow: !want.Allow, status: 200}
				if want.Allow {
					wrong.status = 403
				}
				if err := j.decided(q, latest, wrong); err == nil {
					t.Errorf("%+v is as right as %+v", wrong, right)
				}
				if j.decided(q, span{time.Now(), 1}, verdict{allow: true, status: 200}) != nil {
					never[world.Kind(kind)] = true
				}
				if s.Kind != world.Good && s.Kind != world.Late && j.decided(q, span{time.Now(), 1}, verdict{allow: true, status: 200}) == nil {
					t.Errorf("kind %d may", s.Kind)
				}
			}
		}
	}
	if len(never) != world.Kinds {
		t.Errorf("only the kinds %v are ever denied", never)
	}
}

// TestJudge_recorded: a record names a revision that can have been in force, and that one's
// own decision.
func TestJudge_recorded(t *testing.T) {
	j := newJudge(t)
	s := &world.Session{Kind: world.NoToken, Issuer: "https://i"}
	q := j.permission(s, world.Permissions()[0])
	f := func(ok bool, r record) {
		t.Helper()
		if err := j.recorded(r, q, span{time.Now(), 30}); (err == nil) != ok {
			t.Errorf("%+v: %v", r, err)
		}
	}
	f(true, record{Status: 401, Revision: "soak-30"})
	f(true, record{Status: 401, Revision: "soak-41"})
	f(false, record{Status: 401, Revision: "soak-29"})
	f(false, record{Status: 401, Revision: "soak-42"})
	f(false, record{Status: 401})
	f(false, record{Status: 403, Revision: "soak-30"})
	f(false, record{Status: 200, Allow: true, Revision: "soak-30"})
}

// TestRecords_follow: every line is read once, also when the file makes place for another,
// and half a line at the end is an error.
func TestRecords_follow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(name string, from, to int) {
		t.Helper()
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for n := from; n < to; n++ {
			if _, err := fmt.Fprintf(file, `{"decision_id":"%d","item":0}`+"\n", n); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(path, 0, 100)
	r := newRecords(nil, path)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.follow(ctx) }()
	for n := 1; n <= 5; n++ {
		until(t, func() bool { lines, _ := r.counts(); return lines >= 150*n-50 })
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, n)); err != nil {
			t.Fatal(err)
		}
		write(fmt.Sprintf("%s.%d", path, n), 0, 50) // as a writer does that has not noticed
		write(path, 0, 100)
	}
	until(t, func() bool { lines, _ := r.counts(); return lines >= 850 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if lines, _ := r.counts(); lines != 850 {
		t.Errorf("%d lines, want 850", lines)
	}
	if err := os.WriteFile(path, []byte(`{"decision_id":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.follow(ctx); err == nil {
		t.Error("half a record is none")
	}
}

// TestRecords_upload: what was not acknowledged comes again, and counts once.
func TestRecords_upload(t *testing.T) {
	r := newRecords(nil, "")
	f := func(want int, acknowledged bool, body string) {
		t.Helper()
		if err := r.upload([]byte(body), acknowledged); err != nil {
			t.Fatal(err)
		}
		if lines, _ := r.counts(); lines != want {
			t.Errorf("%d records after %s, want %d", lines, body, want)
		}
	}
	f(2, true, `[{"decision_id":"a","custom":{"item":0}},{"decision_id":"a","custom":{"item":1}}]`)
	f(3, true, `[{"decision_id":"a","custom":{"item":0}}]`) // acknowledged before: it is one too many
	f(4, false, `[{"decision_id":"b","custom":{"item":0}}]`)
	f(4, false, `[{"decision_id":"b","custom":{"item":0}}]`)
	f(5, true, `[{"decision_id":"b","custom":{"item":0}},{"decision_id":"b","custom":{"item":1}}]`)
	f(6, true, `[{"decision_id":"b","custom":{"item":0}}]`)
	if err := r.upload([]byte(`[{`), true); err == nil {
		t.Error("half an upload was taken")
	}
	got := event{ID: "c"}
	if err := json.Unmarshal([]byte(`{"decision_id":"c","result":{"allow":true,"status":200},"bundles":{"x":{"revision":"soak-7"}},"custom":{"item":3}}`), &got); err != nil {
		t.Fatal(err)
	}
	if one := got.record(); one.ID != "c" || !one.Allow || one.Status != 200 || one.Revision != "soak-7" || *one.Item != 3 {
		t.Errorf("%+v", one)
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it takes too long")
		}
	}
}

// TestGrowths compares the warm-up with the end.
func TestGrowths(t *testing.T) {
	at := func(seconds int, files float64) sample {
		return sample{at: time.Duration(seconds) * time.Second, files: files, heap: 10 << 20, goroutines: 50, resident: 60 << 20}
	}
	f := func(leaks bool, samples ...sample) {
		t.Helper()
		all, err := growths(samples, 100*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range all {
			if g.leaks() != (leaks && g.name == "open files") {
				t.Errorf("%s from %v to %v leaks: %t", g.name, g.warm, g.end, g.leaks())
			}
		}
	}
	f(false, at(30, 20), at(70, 20))
	f(false, at(1, 5), at(30, 20), at(70, 36))
	f(true, at(30, 20), at(70, 37))
	f(false, at(30, 20), at(70, 20), at(80, 900), at(90, 20)) // one moment is no leak
	f(true, at(10, 900), at(30, 20), at(40, 20), at(60, 20), at(70, 40), at(80, 40), at(90, 20))
	if _, err := growths([]sample{at(70, 1)}, 100*time.Second); err == nil {
		t.Error("nothing is known of the warm-up")
	}
}

// TestReport_failed: a record that is missing, or one too many, fails.
func TestReport_failed(t *testing.T) {
	f := func(want bool, change func(*report)) {
		t.Helper()
		r := &report{decisions: 10, records: 8, lost: 2, growths: []growth{{measure: measures[1], warm: 1, end: 1}}}
		change(r)
		if r.failed() != want {
			t.Errorf("%+v failed: %t", r, !want)
		}
	}
	f(false, func(*report) {})
	f(true, func(r *report) { r.records = 7 })
	f(true, func(r *report) { r.records = 9 })
	f(true, func(r *report) { r.decisions, r.records, r.lost = 0, 0, 0 })
	f(true, func(r *report) { r.growths[0].end = 1000 })
	f(true, func(r *report) { r.growths = nil })
	f(true, func(r *report) { r.faults = map[string]int{wrongAnswer: 1} })
}
