package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A record is what is read of a line of the decision log.
type record struct {
	ID       string `json:"decision_id"`
	Item     *int   `json:"item"`
	Allow    bool   `json:"allow"`
	Status   int    `json:"status"`
	Revision string `json:"revision"`
}

// A logged is an answer that is looked for in the decision log, or a record whose answer is
// looked for.
type logged struct {
	record   *record
	question *question
	span     span
}

// records reads the decision log as it grows, also when its file makes place for a new one,
// counts it, and judges a share of the records by the answers that have the same id.
type records struct {
	j    *judge
	path string

	mu      sync.Mutex // guards what follows
	lines   int
	matched int
	waiting map[string]logged
	// unacknowledged has the records of uploads that will come again.
	unacknowledged map[uint64]bool
}

func newRecords(j *judge, path string) *records {
	return &records{j: j, path: path, waiting: map[string]logged{}, unacknowledged: map[uint64]bool{}}
}

// sampledOf is how many decisions have one that is looked for in the log, and mostWaiting
// how many such wait: those of killed requests wait in vain.
const (
	sampledOf   = 16
	mostWaiting = 20_000
)

func sampled(id string) bool {
	h := fnv.New32a()
	_, _ = io.WriteString(h, id) // a hash takes everything
	return id != "" && h.Sum32()%sampledOf == 0
}

// answered notes an answer.
func (r *records) answered(id string, q *question, s span) {
	if sampled(id) {
		r.meet(id, logged{question: q, span: s})
	}
}

// meet brings an answer and its record together.
func (r *records) meet(id string, one logged) {
	r.mu.Lock()
	defer r.mu.Unlock()
	other, ok := r.waiting[id]
	if !ok || (other.record == nil) == (one.record == nil) {
		if len(r.waiting) < mostWaiting {
			r.waiting[id] = one
		}
		return
	}
	delete(r.waiting, id)
	if one.record == nil {
		one.record = other.record
	} else {
		one.question, one.span = other.question, other.span
	}
	r.matched++
	if err := r.j.recorded(*one.record, *one.question, one.span); err != nil {
		r.j.fault(badRecord, "decision %s: %v", id, err)
	}
}

// recorded judges a record: its revision was one that can have been in force, and the
// decision is that revision's own.
func (j *judge) recorded(r record, q question, s span) error {
	for _, revision := range j.bundles.Between(s.from, j.bundles.Newest()) {
		if fmt.Sprintf("soak-%d", revision) != r.Revision {
			continue
		}
		right := j.under(nil, q, s, revision)
		v := verdict{allow: r.Allow, status: r.Status}
		if !slices.ContainsFunc(right, v.is) {
			return fmt.Errorf("%+v on %s, want one of %+v", v, r.Revision, right)
		}
		return nil
	}
	return fmt.Errorf("the revision %q was not in force from %d on", r.Revision, s.from)
}

// follow reads until ctx has ended and there is no more.
func (r *records) follow(ctx context.Context) error {
	file, err := os.Open(r.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	lines, half := bufio.NewReaderSize(file, 1<<20), ""
	for {
		over := ctx.Err() != nil // before the last look
		text, err := lines.ReadString('\n')
		if err == nil {
			if err := r.line(half + text); err != nil {
				return err
			}
			half = ""
			continue
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		half += text
		next, err := r.next(file)
		if err != nil {
			return err
		}
		if next != nil { // and what came to the old file meanwhile
			rest, err := io.ReadAll(file)
			if err != nil {
				return err
			}
			for line := range strings.Lines(half + string(rest)) {
				if err := r.line(line); err != nil {
					return err
				}
			}
			_ = file.Close() // it was only read
			file, half = next, ""
			lines.Reset(file)
			continue
		}
		if over {
			if half != "" {
				return fmt.Errorf("the decision log ends with half a record: %q", half)
			}
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// next opens the file that has taken the place of another, nil where none has.
func (r *records) next(file *os.File) (*os.File, error) {
	old, err := file.Stat()
	if err != nil {
		return nil, err
	}
	now, err := os.Stat(r.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && os.SameFile(old, now) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return os.Open(r.path)
}

func (r *records) line(text string) error {
	var one record
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		return fmt.Errorf("a line of the decision log: %w: %q", err, text)
	}
	r.take(one)
	return nil
}

// take counts a record.
func (r *records) take(one record) {
	r.mu.Lock()
	r.lines++
	r.mu.Unlock()
	if one.Item == nil && sampled(one.ID) {
		r.meet(one.ID, logged{record: &one})
	}
}

// counts are the lines, and the records that were judged.
func (r *records) counts() (lines, matched int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines, r.matched
}
