package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"postern/cmd/soak/world"
)

// abuse is the door under which abuse is counted.
const abuse = "abuse"

// idle is how many connections an abuser leaves open.
const idle = 8

// An abuser does to the server what broken and hostile clients do.
type abuser struct {
	j       *judge
	address string
	random  *rand.Rand
	open    []*client // half-open ones, the oldest first
}

// A trick is one thing that an abuser does. The text says what came of it; an error is a
// fault of the server.
type trick struct {
	name string
	play func(*abuser, call) error
}

var tricks = []trick{
	{"killed in the request", (*abuser).killRequest},
	{"killed in the answer", (*abuser).killAnswer},
	{"left half open", (*abuser).halfOpen},
	{"left idle", (*abuser).leaveIdle},
	{"pipelined", (*abuser).pipeline},
	{"oversized body", refused(413, "POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat(" ", 1000))},
	{"oversized header", refused(431, "GET /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "+strings.Repeat("a", 40<<10)+"\r\n\r\n")},
	{"no question", refused(400, post("/v1/check", "", `{"permission":"org:a:b"`))},
	{"no known member", refused(400, post("/v1/check", "", `{"permissions":"org:a:b"}`))},
	{"no HTTP", refused(400, "this is no HTTP\r\n\r\n")},
	{"two lengths", refused(400, "POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ")},
	{"no such page", refused(404, "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")},
}

// play plays one trick.
func (a *abuser) play(c call) {
	t := pick(a.random, tricks)
	if err := t.play(a, c); err != nil {
		a.j.fault(otherFault, "%s: %v", t.name, err)
		return
	}
	a.j.count(abuse, t.name)
}

func (a *abuser) connect() (*client, error) {
	c := &client{address: a.address}
	return c, c.open()
}

// killRequest resets the connection when part of the request is sent.
func (a *abuser) killRequest(c call) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	defer conn.kill()
	_, err = io.WriteString(conn.conn, c.text[:1+a.random.IntN(len(c.text)-1)])
	return err
}

// killAnswer resets the connection when all of the request is sent, at once or after part of
// the answer.
func (a *abuser) killAnswer(c call) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	defer conn.kill()
	if _, err = io.WriteString(conn.conn, c.text); err != nil {
		return err
	}
	if a.random.IntN(2) == 0 {
		if err = conn.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		_, err = conn.conn.Read(make([]byte, 1))
	}
	return err
}

// halfOpen sends part of a request and leaves it there.
func (a *abuser) halfOpen(c call) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	_, err = io.WriteString(conn.conn, c.text[:a.random.IntN(len(c.text))])
	a.leave(conn)
	return err
}

// leaveIdle asks, and leaves the connection there.
func (a *abuser) leaveIdle(c call) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	err = a.judged(conn, c)
	a.leave(conn)
	return err
}

// leave keeps a connection open in place of the oldest one.
func (a *abuser) leave(c *client) {
	if len(a.open) == idle {
		a.open[0].close()
		a.open = a.open[1:]
	}
	a.open = append(a.open, c)
}

// closeAll closes what was left open.
func (a *abuser) closeAll() {
	for _, c := range a.open {
		c.close()
	}
	a.open = nil
}

// pipeline sends requests one behind the other. Their answers come in this order.
func (a *abuser) pipeline(c call) error {
	conn, err := a.connect()
	if err != nil {
		return err
	}
	defer conn.close()
	return a.judged(conn, c, c, c)
}

func (a *abuser) judged(conn *client, calls ...call) error {
	var texts []string
	for _, c := range calls {
		texts = append(texts, c.text)
	}
	s := a.j.begin()
	answers, err := conn.once(texts)
	if err != nil {
		return err
	}
	for i, c := range calls {
		if _, err := c.judge(answers[i], s); err != nil {
			return err
		}
	}
	return nil
}

// refused is a trick that sends something wrong: the answer has the status, or at least is
// no other than a refusal of the client's.
func refused(status int, text string) func(*abuser, call) error {
	return func(a *abuser, _ call) error {
		conn, err := a.connect()
		if err != nil {
			return err
		}
		defer conn.close()
		answers, err := conn.once([]string{text})
		if err != nil {
			return err
		}
		if got := answers[0].StatusCode; got != status {
			return fmt.Errorf("status %d, want %d: %.200s", got, status, answers[0].body)
		}
		return nil
	}
}

// target is a call for tricks: about a session that is good, at any door.
func (j *judge) target(random *rand.Rand, s *world.Session) call {
	return pick(random, doors)(j, random, s)
}
