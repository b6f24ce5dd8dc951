package origin

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A mood is how a server answers.
type mood int

const (
	up mood = iota
	slow
	down    // the connection ends without an answer
	busy    // 503 with Retry-After
	half    // the answer ends in its middle
	garbage // 200 with something else
	stalled // nothing, for long
	moods
)

func (m mood) String() string {
	return []string{"up", "slow", "down", "busy", "half", "garbage", "stalled"}[m]
}

// troubles returns what the next mood is after another: up after all others, and after up
// each of the others in turn.
func troubles(random *rand.Rand) func(mood) mood {
	order, n := random.Perm(int(moods)-1), 0
	return func(m mood) mood {
		if m != up {
			return up
		}
		n++
		return up + 1 + mood(order[n%len(order)])
	}
}

// whole reports whether what is answered in the mood is what is there.
func (m mood) whole() bool { return m == up || m == slow }

// stall is how long a stalled server says nothing.
const stall = 20 * time.Second

// answer writes a body as the mood is.
func (m mood) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	switch m {
	case up, slow:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		first := len(body) / 2
		if _, err := w.Write(body[:first]); err != nil {
			return // the client is gone
		}
		if m == slow {
			_ = http.NewResponseController(w).Flush() // as above
			pause(r.Context(), time.Second)
		}
		_, _ = w.Write(body[first:]) // as above
	case busy:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case garbage:
		_, _ = w.Write(bytes.Repeat([]byte("garbage "), 50)) // as above
	case half:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2]) // as above
		panic(http.ErrAbortHandler)
	case stalled:
		pause(r.Context(), stall)
		panic(http.ErrAbortHandler)
	case down:
		panic(http.ErrAbortHandler)
	default:
		panic(fmt.Sprintf("BUG: mood %d", m))
	}
}

// pause waits, and reports whether ctx has not ended before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
