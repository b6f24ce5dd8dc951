// Package audit is the decision log: one record for each decision, written off the
// request path. A record never holds a token, not even one that a caller put where a name
// belongs.
package audit

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// A Record is one decision.
type Record struct {
	ID   string        `json:"decision_id"`
	Time time.Time     `json:"time"`
	Door decision.Door `json:"door"`
	// Client is who asked about others, by the name that its credential has.
	Client string `json:"client,omitzero"`
	// Item is the place in a batch, from 0; nil outside of one.
	Item *int `json:"item,omitzero"`
	// Question is the normalised requirement, {"any": [...]}, or {"action": ...}.
	Question jsontext.Value `json:"question,omitzero"`
	// Method, Host and Path are the request that a proxy asks about, without its query, and
	// Route the pattern that governs it.
	Method string `json:"method,omitzero"`
	Host   string `json:"host,omitzero"`
	Path   string `json:"path,omitzero"`
	Route  string `json:"route,omitzero"`
	// Result is the kind of document that OPA's clients were given: true, false, object,
	// undefined, and so on.
	Result       string            `json:"result,omitzero"`
	Issuer       string            `json:"issuer,omitzero"`
	User         string            `json:"user,omitzero"`
	Session      string            `json:"session,omitzero"`
	Organization string            `json:"organization,omitzero"`
	Allow        bool              `json:"allow"`
	Status       int               `json:"status"`
	Reasons      []decision.Reason `json:"reasons,omitzero"`
	Revision     string            `json:"revision,omitzero"`
	Digest       string            `json:"digest,omitzero"`
	// Engine is the version of OPA's library that decided.
	Engine string `json:"engine,omitzero"`
	// TraceID and SpanID are the decision's place in a trace, in hex.
	TraceID string `json:"trace_id,omitzero"`
	SpanID  string `json:"span_id,omitzero"`
	// Input is what the decision can be made again from; see the package policy.
	Input jsontext.Value `json:"input,omitzero"`
	// Shadow is what the shadow bundle would have decided. A record that has it is about that,
	// beside the record of the decision itself, which has the same ID.
	Shadow *Shadow `json:"shadow,omitzero"`
	// Nanoseconds is how long the decision took.
	Nanoseconds int64 `json:"duration_ns"`
}

// A Shadow is what would have been decided, and by what.
type Shadow struct {
	Allow    bool              `json:"allow"`
	Status   int               `json:"status"`
	Reasons  []decision.Reason `json:"reasons,omitzero"`
	Revision string            `json:"revision,omitzero"`
	Digest   string            `json:"digest,omitzero"`
}

// queued bounds the records that wait to be written.
const queued = 4096

// A Log writes records as JSON lines. The nil Log keeps nothing.
type Log struct {
	records chan Record
	dropped atomic.Uint64
	failed  atomic.Uint64
	hurry   chan struct{} // has a mark where the writer should not wait
	done    chan struct{}
	lost    func(error)

	mu     sync.RWMutex // keeps Close from closing records under a Write
	closed bool
}

// Open starts a log to stdout, stderr, or a file that is appended to and made if need
// be, readable by its owner alone. For none it returns nil. The callback is told of the
// first record of every run of records that could not be written.
func Open(destination string, lost func(error)) (*Log, error) {
	switch destination {
	case "", "none":
		return nil, nil
	case "stdout":
		return start(os.Stdout, nil, lost), nil
	case "stderr":
		return start(os.Stderr, nil, lost), nil
	}
	file, err := os.OpenFile(destination, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open decision log: %w", err)
	}
	return start(file, file, lost), nil
}

func start(w io.Writer, closer io.Closer, lost func(error)) *Log {
	l := &Log{records: make(chan Record, queued), hurry: make(chan struct{}, 1), done: make(chan struct{}), lost: lost}
	go l.write(w, closer)
	return l
}

// Write hands a record over. It never waits: where the writer is too slow, the record is
// dropped and counted.
func (l *Log) Write(r Record) {
	if l == nil {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		l.dropped.Add(1)
		return
	}
	select {
	case l.records <- r:
	default:
		l.dropped.Add(1)
	}
	if len(l.records) > queued/2 {
		l.hasten()
	}
}

// hasten ends the writer's wait.
func (l *Log) hasten() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// Lost counts the records that were dropped, or could not be written.
func (l *Log) Lost() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load() + l.failed.Load()
}

// Close writes what waits and ends the log.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.records)
		l.hasten()
	}
	l.mu.Unlock()
	<-l.done
}

// gather is how long records wait for others to be written with. To wake the writer for
// each one costs more than to write it.
const gather = 5 * time.Millisecond

// write is the only writer.
func (l *Log) write(w io.Writer, closer io.Closer) {
	defer close(l.done)
	var text, line []byte
	failing := false
	for r := range l.records {
		l.wait()
		text, line = text[:0], line[:0]
		n := uint64(0)
		for {
			line = r.appendLine(line[:0])
			text = append(text, withoutTokens(line)...)
			if n++; len(l.records) == 0 || len(text) > largest {
				break
			}
			r = <-l.records
		}
		_, err := w.Write(text)
		if err != nil {
			// A full disk must not stop the log for good: start over with the next records.
			l.failed.Add(n)
			if !failing && l.lost != nil {
				l.lost(err)
			}
		}
		failing = err != nil
	}
	if closer != nil {
		closer.Close()
	}
}

// largest bounds what is written at once, in bytes.
const largest = 1 << 20

// wait lets records gather, until many have or the log is closed.
func (l *Log) wait() {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.hurry:
	}
}

// jws is what a compact JWS looks like: its header begins with {" in base64url.
var jws = regexp.MustCompile(`eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)

// withoutTokens takes whatever looks like a token out of a line.
func withoutTokens(line []byte) []byte {
	if !bytes.Contains(line, []byte("eyJ")) {
		return line
	}
	return jws.ReplaceAll(line, []byte("[token]"))
}
