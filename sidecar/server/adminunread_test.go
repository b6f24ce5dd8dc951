package server_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestAdmin_unread: a client that asks and never reads does not keep its connection, nor does
// a drain wait for it.
func TestAdmin_unread(t *testing.T) {
	t.Parallel()
	s := start(t, standard(t, plain(t)))
	conn, err := net.Dial("tcp", s.server.Addresses()["admin"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := <-ended; isTimeout(err) {
		t.Error("the connection was still open after 20 seconds")
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the drain took %v", took)
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}
