package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/sidecar/decision"
)

// Options are where records go, and how.
type Options struct {
	// To is stdout, stderr, a file's path, an http or https URL, or none.
	To string
	// Buffer bounds what waits to be written, in bytes.
	Buffer int
	Rotate Rotate
	Upload Upload
	// Version and Bundle are what a server is told of whoever sends: the release, and the name
	// of what is decided by.
	Version, Bundle string
	// Changed is told when records cannot be written any more, and with nil when they can
	// again; nil is told nothing. It is called by the writer.
	Changed func(error)
	// Warn is told of what goes wrong beside: a file that cannot make place for a new one,
	// records that a server refuses. It is called by the writer, and once for each kind in a row.
	Warn func(error)
}

// defaultBuffer is the bound where none is said.
const defaultBuffer = 16 << 20

// A Log writes records. The nil Log keeps nothing.
type Log struct {
	queue   *queue
	sink    sink
	shown   string
	counts  counts
	trouble trouble
	changed func(error)
	line    []byte // the writer's

	ctx     context.Context // ends when what waits is given up
	giveUp  context.CancelFunc
	closing chan struct{} // closed by the first Close
	reopen  chan struct{} // has a mark where the file should be opened anew
	done    chan struct{}
}

// A sink takes encoded records. Only the writer calls it.
type sink interface {
	// deliver takes records from the beginning of a batch, some of which may be lost by that.
	// It is asked again for the others; where it takes none, after a while.
	deliver(ctx context.Context, b *batch) delivery
	// gather is how long records may wait for others, and pause how long after the nth failure
	// in a row to try again.
	gather() time.Duration
	pause(n int, err error) time.Duration
	// persists is whether to go on trying when the log ends, as long as there is time.
	persists() bool
	reopen() error
	close()
	// cause is what it loses records by.
	cause() string
}

// A delivery is what became of the first records of a batch. Its error is about where they
// go. What is lost without one was at fault itself: whoever asks for such a decision must not
// keep others from theirs.
type delivery struct {
	taken, lost int // lost of those that were taken: none, or all
	err         error
}

// Open starts a log. For none it returns nil. A file is appended to and made if need be,
// readable by its owner alone; a server is not asked yet.
func Open(o Options) (*Log, error) {
	if o.To == "" || o.To == "none" {
		return nil, nil
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	l := &Log{shown: o.To}
	var err error
	switch {
	case o.To == "stdout" || o.To == "stderr":
		l.sink = standard(o.To)
	case isURL(o.To):
		l.shown = shownURL(o.To)
		l.sink, err = newUploader(o, &l.counts)
	default:
		l.sink, err = openFile(o.To, o.Rotate, o.Warn)
	}
	if err != nil {
		return nil, fmt.Errorf("open decision log: %w", err)
	}
	return l.start(o), nil
}

func (l *Log) start(o Options) *Log {
	if o.Buffer <= 0 {
		o.Buffer = defaultBuffer
	}
	l.queue, l.changed = newQueue(o.Buffer), o.Changed
	l.ctx, l.giveUp = context.WithCancel(context.Background())
	l.closing, l.reopen, l.done = make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	go l.run()
	return l
}

func isURL(to string) bool {
	return strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://")
}

// Write hands a copy of a record over, and reports whether it will be written if it can be.
// It never waits. A record for which there is no room is lost, and counted; a required one is
// refused, also while nothing can be written, and not counted: its decision is not given.
func (l *Log) Write(r *Record) bool {
	if l == nil {
		return false
	}
	if r.Required && l.trouble.failing.Load() {
		return false
	}
	if l.queue.put(r) {
		return true
	}
	if !r.Required {
		l.counts.buffer.Add(1)
	}
	return false
}

// Sample reports whether a decision belongs to a share, from 0 to 1, of all of them. For one
// id and one share that is always the same, and what belongs to a share belongs to larger
// ones. What does not is counted.
func (l *Log) Sample(id decision.ID, share float64) bool {
	if share >= 1 || l == nil {
		return true
	}
	if share > 0 && fraction(id) < share {
		return true
	}
	l.counts.sampled.Add(1)
	return false
}

// fraction is a number from 0 to less than 1 for an id: FNV-1a with a finish, since its upper
// bits alone mix little.
func fraction(id decision.ID) float64 {
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}

// Reopen has a file opened anew soon, for who moved it away.
func (l *Log) Reopen() {
	if l != nil {
		mark(l.reopen)
	}
}

// Close writes what waits, and ends the log; when ctx ends, what is left is lost. It fails
// where a write does not end: then that is not counted.
func (l *Log) Close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.queue.close()
	select {
	case <-l.closing:
	default:
		close(l.closing)
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		l.giveUp()
	}
	select {
	case <-l.done:
		return nil
	case <-time.After(grace): // it hangs in a write that nothing ends
		return fmt.Errorf("a write to the decision log does not end, and about %d bytes of records are lost", l.queue.waiting())
	}
}

// grace is how long the writer may take to notice that its time is up.
const grace = time.Second
