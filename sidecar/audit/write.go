package audit

import (
	"time"
)

// largest bounds the text of a batch, in bytes; one record may exceed it.
const largest = 1 << 20

// A batch is encoded records, one after another. Each is a line.
type batch struct {
	room []byte // that text is in
	text []byte
	ends []int // where each record ends in text
	// reduced marks the records of which a mask left little.
	reduced []bool
}

// reset empties a batch.
func (b *batch) reset() {
	b.text, b.ends, b.reduced = b.room[:0], b.ends[:0], b.reduced[:0]
}

// append adds a record.
func (b *batch) append(line []byte, reduced bool) {
	b.text = append(b.text, line...)
	b.room = b.text
	b.ends = append(b.ends, len(b.text))
	b.reduced = append(b.reduced, reduced)
}

// first is the text of the first n records.
func (b *batch) first(n int) []byte {
	if n == 0 {
		return nil
	}
	return b.text[:b.ends[n-1]]
}

// record is the ith record.
func (b *batch) record(i int) []byte {
	if i == 0 {
		return b.text[:b.ends[0]]
	}
	return b.text[b.ends[i-1]:b.ends[i]]
}

// cut takes the first n records away.
func (b *batch) cut(n int) {
	size := len(b.first(n))
	b.text, b.ends, b.reduced = b.text[size:], append(b.ends[:0], b.ends[n:]...), append(b.reduced[:0], b.reduced[n:]...)
	for i := range b.ends {
		b.ends[i] -= size
	}
}

// run is the only writer.
func (l *Log) run() {
	defer close(l.done)
	defer l.sink.close()
	b := &batch{}
	for {
		open := l.await()
		blocks := l.queue.take()
		l.write(b, blocks)
		if !open && len(blocks) == 0 {
			return
		}
	}
}

// await waits until there may be something to write, and lets records gather: to wake for
// each one costs more than to write it. It reports whether the log goes on.
func (l *Log) await() bool {
	for {
		select {
		case <-l.reopen:
			l.reopened()
			continue
		case <-l.queue.wake:
		case <-l.closing:
			return false
		}
		break
	}
	timer := time.NewTimer(l.sink.gather())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.queue.hurry:
	case <-l.closing:
		return false
	}
	return true
}

func (l *Log) reopened() {
	if err := l.sink.reopen(); err != nil {
		l.failed(err)
	}
}

// write encodes records and delivers them.
func (l *Log) write(b *batch, blocks []*block) {
	b.reset()
	held := 0
	deliver := func() {
		l.deliver(b)
		l.queue.release(held)
		b.reset()
		held = 0
	}
	for _, full := range blocks {
		for i := range full.records[:full.n] {
			r := &full.records[i]
			held += r.size()
			if l.ctx.Err() != nil {
				l.counts.lost(l.sink.cause()).Add(1)
				continue
			}
			l.encode(b, r)
			if len(b.text) >= largest {
				deliver()
			}
		}
		l.queue.reuse(full)
	}
	deliver()
}

// encode appends a record to a batch, unless the bundle drops it.
func (l *Log) encode(b *batch, r *Record) {
	l.line = r.appendLine(l.line[:0])
	line, reduced := l.line, false
	if r.Mask != nil {
		if line, reduced = r.masked(l.ctx, line); line == nil {
			l.counts.dropped.Add(1)
			return
		}
	}
	b.append(visible(withoutTokens(line)), reduced)
}

// deliver hands a batch to the sink, and tries again what it does not take, until the log's
// time is up. Meanwhile the queue fills.
func (l *Log) deliver(b *batch) {
	for failures := 0; len(b.ends) > 0; {
		d := l.sink.deliver(l.ctx, b)
		l.count(b, d)
		b.cut(d.taken)
		switch {
		case d.err != nil:
			l.failed(d.err)
		case d.lost < d.taken:
			l.healed()
		}
		if d.taken > 0 {
			failures = 0
			continue
		}
		failures++
		if !l.pause(l.sink.pause(failures, d.err)) {
			l.counts.lost(l.sink.cause()).Add(uint64(len(b.ends)))
			b.cut(len(b.ends))
		}
	}
}

func (l *Log) count(b *batch, d delivery) {
	l.counts.lost(l.sink.cause()).Add(uint64(d.lost))
	if d.lost > 0 {
		return // all or none of a chunk
	}
	for _, reduced := range b.reduced[:d.taken] {
		if reduced {
			l.counts.reduced.Add(1)
		} else {
			l.counts.written.Add(1)
		}
	}
}

// lastPause is the longest pause between the tries of a log that ends.
const lastPause = time.Second

// pause waits until it is time to try again, and reports whether to.
func (l *Log) pause(d time.Duration) bool {
	closing := l.closing
	select {
	case <-closing:
		if !l.sink.persists() {
			return false
		}
		closing, d = nil, min(d, lastPause)
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-closing:
	case <-l.reopen:
		l.reopened()
	case <-l.ctx.Done():
	}
	return l.ctx.Err() == nil
}
