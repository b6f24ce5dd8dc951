package audit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Why a record was lost.
const (
	LostBuffer = "buffer" // there was no room for it
	LostWrite  = "write"  // it could not be written until the end
	LostUpload = "upload" // the server refused it, or did not take it until the end
)

// What became of a record that was not lost.
const (
	Written = "written" // whole, or as the bundle masks it
	Reduced = "reduced" // to the little that is left where a mask failed
	Dropped = "dropped" // by the bundle
	Sampled = "sampled" // out, by the configuration
)

// Causes and Outcomes are all of them.
var (
	Causes   = []string{LostBuffer, LostWrite, LostUpload}
	Outcomes = []string{Written, Reduced, Dropped, Sampled}
)

// counts are what a log has done.
type counts struct {
	written, reduced, dropped, sampled atomic.Uint64
	buffer, write, upload              atomic.Uint64
	uploaded, uploadsFailed            atomic.Uint64
}

func (c *counts) lost(cause string) *atomic.Uint64 {
	switch cause {
	case LostBuffer:
		return &c.buffer
	case LostUpload:
		return &c.upload
	default:
		return &c.write
	}
}

// A trouble is why nothing can be written, and since when.
type trouble struct {
	failing atomic.Bool

	mu    sync.Mutex // guards what follows
	last  string
	since time.Time
}

// A Status is how a log does.
type Status struct {
	// To is the destination, without what may be secret in it.
	To          string            `json:"to"`
	QueuedBytes int               `json:"queued_bytes"`
	Records     map[string]uint64 `json:"records"`
	Lost        map[string]uint64 `json:"lost"`
	Uploads     map[string]uint64 `json:"uploads,omitempty"`
	// Failing is whether what was logged last cannot be written, Since when that began, and
	// Error what kept a record from being written last.
	Failing bool       `json:"failing"`
	Since   *time.Time `json:"since,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// Status is how the log does; that of the nil Log is all zeros.
func (l *Log) Status() Status {
	s := Status{
		To:      "none",
		Records: map[string]uint64{Written: 0, Reduced: 0, Dropped: 0, Sampled: 0},
		Lost:    map[string]uint64{LostBuffer: 0, LostWrite: 0, LostUpload: 0},
		Uploads: map[string]uint64{"ok": 0, "error": 0},
	}
	if l == nil {
		return s
	}
	s.To, s.QueuedBytes = l.shown, l.queue.waiting()
	c := &l.counts
	s.Records[Written], s.Records[Reduced] = c.written.Load(), c.reduced.Load()
	s.Records[Dropped], s.Records[Sampled] = c.dropped.Load(), c.sampled.Load()
	s.Lost[LostBuffer], s.Lost[LostWrite], s.Lost[LostUpload] = c.buffer.Load(), c.write.Load(), c.upload.Load()
	s.Uploads["ok"], s.Uploads["error"] = c.uploaded.Load(), c.uploadsFailed.Load()
	l.trouble.mu.Lock()
	defer l.trouble.mu.Unlock()
	s.Failing, s.Error = l.trouble.failing.Load(), l.trouble.last
	if s.Failing {
		since := l.trouble.since
		s.Since = &since
	}
	return s
}

// Lost counts the records that were lost, for whatever cause.
func (l *Log) Lost() uint64 {
	if l == nil {
		return 0
	}
	return l.counts.buffer.Load() + l.counts.write.Load() + l.counts.upload.Load()
}

// failed notes that nothing could be written, and tells of the first time in a row.
func (l *Log) failed(err error) {
	t := &l.trouble
	t.mu.Lock()
	began := !t.failing.Load()
	if began {
		t.since = time.Now().UTC()
	}
	t.last = err.Error()
	t.failing.Store(true)
	t.mu.Unlock()
	if began {
		l.tell(err)
	}
}

// healed notes that something was written.
func (l *Log) healed() {
	if !l.trouble.failing.Load() {
		return
	}
	l.trouble.mu.Lock()
	l.trouble.failing.Store(false)
	l.trouble.mu.Unlock()
	l.tell(nil)
}

func (l *Log) tell(err error) {
	if l.changed != nil {
		l.changed(err)
	}
}
