package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// A patient listener outlives a shortage. fasthttp takes every error of Accept for the
// listener's end, and grpc-go some that pass, so that a client with many connections could
// end the process.
type patient struct {
	net.Listener
	log *slog.Logger
}

// The waits between two attempts to accept while descriptors or memory are short.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = time.Second
)

// Accept waits for the next connection. Its errors are the listener's own end.
func (l patient) Accept() (net.Conn, error) {
	c, err := l.plain()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// A patientGRPC is patient, and hands out connections as they are: grpc-go reads and writes
// them at once, and ends them itself.
type patientGRPC struct{ patient }

// Accept waits for the next connection.
func (l patientGRPC) Accept() (net.Conn, error) { return l.plain() }

// plain waits for the next connection.
func (l patient) plain() (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		c, err := l.Listener.Accept()
		if err == nil {
			return c, nil
		}
		if !shortage(err) {
			return nil, err
		}
		l.log.Warn("no connection can be accepted", "error", err, "pause", pause)
		time.Sleep(pause)
	}
}

// shortage reports whether an error of accept(2) passes by itself.
func shortage(err error) bool {
	for _, passing := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// A conn that lingers is closed so that the client can still read the answer: closing
// with unread bytes would reset the connection, and the answer with it.
type conn struct {
	net.Conn
	lingers atomic.Bool
	opening opening
}

// What a lingering connection reads at most before it is closed.
const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

// Close closes the connection, after the rest of what the client sends where it lingers.
func (c *conn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !c.lingers.CompareAndSwap(true, false) || !ok {
		return c.Conn.Close()
	}
	err := half.CloseWrite()
	if err == nil {
		err = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	}
	if err == nil {
		// However it ends, the connection is closed.
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return errors.Join(err, c.Conn.Close())
}
