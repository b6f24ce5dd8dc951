package audit

import "sync"

// A block is a few records that wait together: a queue grows by blocks, so that nothing that
// waits is copied while a request puts a record in.
type block struct {
	n       int
	records [64]Record
}

// spares is how many blocks are kept for later.
const spares = 32

// A queue is records that wait to be written, bounded by bytes. What was taken and is not
// released still counts.
type queue struct {
	limit int
	wake  chan struct{} // has a mark since the first record was put into the empty queue
	hurry chan struct{} // has a mark where the writer should not let records gather

	mu     sync.Mutex // guards what follows
	blocks []*block
	spare  []*block
	bytes  int
	closed bool
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// put copies a record into the queue, and reports whether there was room.
func (q *queue) put(r *Record) bool {
	size := r.size()
	q.mu.Lock()
	if q.closed || q.bytes+size > q.limit {
		q.mu.Unlock()
		return false
	}
	first := len(q.blocks) == 0
	if first || q.blocks[len(q.blocks)-1].n == len(q.blocks[0].records) {
		q.blocks = append(q.blocks, q.newBlock())
	}
	last := q.blocks[len(q.blocks)-1]
	last.records[last.n] = *r
	last.n++
	q.bytes += size
	half := q.bytes > q.limit/2
	q.mu.Unlock()
	if first {
		mark(q.wake)
	}
	if half {
		mark(q.hurry)
	}
	return true
}

func (q *queue) newBlock() *block {
	if n := len(q.spare); n > 0 {
		b := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return b
	}
	return new(block)
}

// take is all that waits, for the one writer.
func (q *queue) take() []*block {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.blocks
	q.blocks = nil
	return all
}

// release ends the wait of records of some bytes.
func (q *queue) release(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= bytes
}

// reuse gives a block back that nothing looks at any more.
func (q *queue) reuse(b *block) {
	clear(b.records[:b.n])
	b.n = 0
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spare) < spares {
		q.spare = append(q.spare, b)
	}
}

// close keeps records out from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// waiting is how many bytes wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// mark leaves a mark where none is.
func mark(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
