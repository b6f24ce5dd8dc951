package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"
)

// patience is how long an answer may take. A server that needs longer is broken.
const patience = 10 * time.Second

// HTTP is a plan's requests over HTTP/1.1. Each is a head followed by a tail, so that many
// sessions by many questions need not be kept whole: a head may end amid the headers.
type HTTP struct {
	Heads []string `json:"heads"`
	Tails []string `json:"tails"`
	// Once sends each head once, in order; else heads and tails are drawn at random.
	Once bool `json:"once,omitzero"`
	// Answers are as [Ask] keeps them.
	Answers []string `json:"answers"`
	// Expect is the number of the answer by head and tail. Its only row, if it has but one,
	// holds for every head.
	Expect [][]int `json:"expect"`
	// Or is the other answer that is as good, in the same form; nil where there is none.
	Or [][]int `json:"or,omitzero"`
}

func (h *HTTP) check(count int) error {
	if len(h.Heads) == 0 || len(h.Tails) == 0 {
		return errors.New("a plan has heads and tails")
	}
	if h.Once && (count == 0 || count > len(h.Heads)) {
		return fmt.Errorf("%d requests with %d heads, each once", count, len(h.Heads))
	}
	for _, table := range [][][]int{h.Expect, h.Or} {
		if table == nil {
			continue
		}
		if len(table) != 1 && len(table) != len(h.Heads) {
			return fmt.Errorf("answers for %d heads of %d", len(table), len(h.Heads))
		}
		for _, row := range table {
			if len(row) != len(h.Tails) || slices.Min(row) < 0 || slices.Max(row) >= len(h.Answers) {
				return errors.New("a request whose answer the plan does not say")
			}
		}
	}
	if h.Expect == nil {
		return errors.New("a plan says what it expects")
	}
	return nil
}

// callers are the plan's connections.
func (h *HTTP) callers(p Plan) ([]caller, func(), error) {
	var all []caller
	var open []net.Conn
	closeAll := func() {
		for _, c := range open {
			_ = c.Close() // all is read
		}
	}
	for i := range p.Connections {
		conn, err := net.Dial("tcp", p.Address)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, conn)
		c := &httpCaller{plan: h, conn: conn, reader: newReader(conn), random: rand.New(rand.NewPCG(p.Seed, uint64(i)))}
		all = append(all, c.ask)
	}
	return all, closeAll, nil
}

type httpCaller struct {
	plan   *HTTP
	conn   net.Conn
	reader *reader
	random *rand.Rand
	out    []byte
	renew  time.Time // when the connection's deadline is to be moved
}

// ask sends a request and compares its answer.
func (c *httpCaller) ask(_ context.Context, n int) error {
	head, tail := n, 0
	if !c.plan.Once {
		head = c.random.IntN(len(c.plan.Heads))
	}
	if len(c.plan.Tails) > 1 {
		tail = c.random.IntN(len(c.plan.Tails))
	}
	c.out = append(append(c.out[:0], c.plan.Heads[head]...), c.plan.Tails[tail]...)
	if now := time.Now(); now.After(c.renew) {
		c.renew = now.Add(patience / 10) // and not for every request
		if err := c.conn.SetDeadline(now.Add(patience)); err != nil {
			return errors.Join(err, errLost)
		}
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return errors.Join(err, errLost)
	}
	got, err := c.reader.next()
	if err != nil {
		return errors.Join(err, errLost)
	}
	want := c.plan.answer(c.plan.Expect, head, tail)
	if string(got) == want || c.plan.Or != nil && string(got) == c.plan.answer(c.plan.Or, head, tail) {
		return nil
	}
	return fmt.Errorf("got %q, want %q", got, want)
}

func (h *HTTP) answer(table [][]int, head, tail int) string {
	if len(table) == 1 {
		head = 0
	}
	return h.Answers[table[head][tail]]
}

// An Answer is one answer over HTTP.
type Answer struct {
	Raw  string
	Kept string // without the headers that vary
}

// Body is what follows the headers.
func (a Answer) Body() string {
	_, body, _ := strings.Cut(a.Kept, "\r\n\r\n")
	return body
}

// Ask sends one request on a connection of its own, for a plan to be made of its answer.
func Ask(address, request string) (Answer, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Answer{}, err
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return Answer{}, err
	}
	r := newReader(conn)
	text, err := r.next()
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", address, err)
	}
	return Answer{Raw: string(r.raw), Kept: string(text)}, nil
}
