package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// What a connection of HTTP/2 begins with (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frame is a frame of HTTP/2 (RFC 9113 section 4.1).
func frame(kind, flags byte, stream uint32, payload []byte) string {
	n := len(payload)
	head := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return string(append(binary.BigEndian.AppendUint32(head, stream), payload...))
}

// A frames is a connection to the gRPC listener whose octets a test writes itself.
type frames struct {
	net.Conn
	t testing.TB
}

func (s *sidecar) dialGRPC() frames {
	s.t.Helper()
	c, err := net.Dial("tcp", s.server.Addresses()["grpc"])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return frames{c, s.t}
}

func (c frames) write(texts ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.Join(texts, "")); err != nil {
		c.t.Fatal(err)
	}
}

// next is the kind, the flags and the payload of the next frame.
func (c frames) next() (kind, flags byte, payload []byte) {
	c.t.Helper()
	var head [9]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		c.t.Fatal(err)
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, payload); err != nil {
		c.t.Fatal(err)
	}
	return head[3], head[4], payload
}

// TestGRPC_garbage: what is no HTTP/2 is hung up on, and others are served meanwhile.
func TestGRPC_garbage(t *testing.T) {
	t.Parallel()
	s := start(t, standard(t, gated(t)))
	client := authv3.NewAuthorizationClient(s.connect())
	var clients sync.WaitGroup
	defer clients.Wait()
	f := func(name, text string, within time.Duration) {
		c := s.dialGRPC()
		clients.Go(func() {
			began := time.Now()
			// The server may hang up while this is written.
			_, _ = io.WriteString(c, text)
			_, err := io.Copy(io.Discard, c)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("%s: not hung up on: %v", name, err)
			}
			if took := time.Since(began); took > within {
				t.Errorf("%s: hung up on after %v, want %v at most", name, took, within)
			}
			if got := told(client.Check(soon(t), envoyAsks("GET", "/public/x"))); got != "allow" {
				t.Errorf("%s: meanwhile: %s", name, got)
			}
		})
	}
	const slowly = 14 * time.Second // the time-out is 5 seconds
	f("HTTP/1.1", "POST "+checkMethod+" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", slowly/5)
	f("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+strings.Repeat("a", 512), slowly/5)
	f("octets", strings.Repeat("\x00\xff", 4096), slowly/5)
	f("a frame before the preface", frame(4, 0, 0, nil)+preface, slowly/5)
	f("no settings", preface+frame(6, 0, 0, make([]byte, 8)), slowly/5)
	f("a frame beyond the limit", preface+frame(4, 0, 0, nil)+"\xff\xff\xff\x00\x00\x00\x00\x00\x01", slowly/5)
	f("an even stream", preface+frame(4, 0, 0, nil)+frame(1, 5, 2, []byte{0x82}), slowly/5)
	f("settings of three octets", preface+frame(4, 0, 0, []byte("abc")), slowly/5)
	f("nothing", "", slowly)
	f("half the preface", preface[:9], slowly)
	f("the preface alone", preface, slowly)
	f("half of the settings", preface+frame(4, 0, 0, make([]byte, 6))[:11], slowly)
}

// TestGRPC_headerBomb: metadata without end ends its own connection.
func TestGRPC_headerBomb(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	client := authv3.NewAuthorizationClient(s.connect())
	// Fields that are not indexed, with a name of one octet and a value of 126 (RFC 7541
	// section 6.2.2).
	fields := bytes.Repeat([]byte("\x00\x01a\x7e"+strings.Repeat("b", 126)), 100)
	unending := s.dialGRPC()
	unending.write(preface, frame(4, 0, 0, nil), frame(1, 1, 1, fields))
	for n := 0; ; n++ {
		if _, err := io.WriteString(unending, frame(9, 0, 1, fields)); err != nil {
			break
		}
		if n > 10_000 {
			t.Fatal("metadata without end is read")
		}
	}
	if got := told(client.Check(soon(t), envoyAsks("GET", "/public/x"))); got != "allow" {
		t.Errorf("afterwards: %s", got)
	}
}

// TestGRPC_pings: a connection that is kept alive by pings is not told to go, with calls
// on it or without.
func TestGRPC_pings(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	c := s.dialGRPC()
	c.write(preface, frame(4, 0, 0, nil))
	for range 50 {
		time.Sleep(2 * time.Millisecond) // Envoy's connection_keepalive is longer than 1ms
		c.write(frame(6, 0, 0, []byte("pingpong")))
	}
	for pongs := 0; pongs < 50; {
		kind, flags, payload := c.next()
		if kind == 7 {
			t.Fatalf("GOAWAY %q after %d pings", payload, pongs)
		}
		if kind == 6 && flags == 1 {
			pongs++
		}
	}
}
