package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// patience is how long an answer may take. Whoever waits longer calls it lost.
const patience = 15 * time.Second

// largestAnswer bounds what is read of an answer.
const largestAnswer = 1 << 20

// A client is one connection of HTTP/1.1, made when it is needed.
type client struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

// An answer is one that was read whole.
type answer struct {
	*http.Response
	body []byte
}

func (c *client) open() error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", c.address, patience)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is under way
		c.conn = nil
	}
}

// kill ends the connection with a reset.
func (c *client) kill() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // if it is gone already, so be it
	}
	c.close()
}

// ask sends requests, one behind the other, and reads as many answers. On a connection that
// was used before, whose server may have closed it meanwhile, it starts over once.
func (c *client) ask(requests ...string) ([]answer, error) {
	used := c.conn != nil
	all, err := c.once(requests)
	if err != nil {
		c.close()
		if used && len(all) == 0 && !isTimeout(err) {
			if all, err = c.once(requests); err != nil {
				c.close()
			}
		}
	}
	return all, err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func (c *client) once(requests []string) ([]answer, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	text := ""
	for _, r := range requests {
		text += r
	}
	if _, err := io.WriteString(c.conn, text); err != nil {
		return nil, err
	}
	var all []answer
	for range requests {
		res, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer))
		if err != nil {
			return all, fmt.Errorf("read an answer: %w", err)
		}
		all = append(all, answer{res, body})
		if res.Close {
			c.close()
			if len(all) < len(requests) {
				return all, fmt.Errorf("closed after %d of %d answers", len(all), len(requests))
			}
		}
	}
	return all, nil
}
