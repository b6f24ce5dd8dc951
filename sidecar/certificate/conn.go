package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// handshakeTime is how long a handshake may take, and how long a first request may after it.
const handshakeTime = 5 * time.Second

// A Conn is the server's side of a connection under TLS. The handshake is made by the first
// Read or Write, so that whoever accepts does not wait for it.
type Conn struct {
	*tls.Conn
	raw      net.Conn
	identity *Identity
	made     *generation

	once   sync.Once // guards failed and name
	failed error
	name   string

	chain []*x509.Certificate // the client's, where it was asked for one
	until time.Time           // when that stops being good; the identity's mu guards it
}

// Secure puts a connection under TLS, with what the files held when they were last loaded.
func (i *Identity) Secure(raw net.Conn) *Conn {
	g := i.current.Load()
	return &Conn{Conn: tls.Server(raw, g.config), raw: raw, identity: i, made: g}
}

// Raw is the connection below TLS.
func (c *Conn) Raw() net.Conn { return c.raw }

// Client is what the client's verified certificate calls it. It is false where clients are
// not asked for certificates, and before the handshake.
func (c *Conn) Client() (name string, ok bool) {
	return c.name, c.name != ""
}

// Read reads what the client sends. Where the handshake fails there is nothing to read.
func (c *Conn) Read(p []byte) (int, error) {
	if c.openInTime() != nil {
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// Write writes to the client.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.openInTime(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Handshake makes the handshake, within the deadlines that the connection has.
func (c *Conn) Handshake() error {
	c.once.Do(func() { c.failed = c.shake() })
	return c.failed
}

// openInTime makes the handshake unless that was done. Deadlines that were set before it do
// not count, neither during nor after.
func (c *Conn) openInTime() error {
	c.once.Do(func() {
		if c.failed = c.raw.SetDeadline(time.Now().Add(handshakeTime)); c.failed != nil {
			return
		}
		if c.failed = c.shake(); c.failed != nil {
			return
		}
		c.failed = errors.Join(c.raw.SetReadDeadline(time.Now().Add(handshakeTime)), c.raw.SetWriteDeadline(time.Time{}))
	})
	return c.failed
}

// closingTime is how long a client is waited for that does not read that the connection
// closes. That is a few bytes, which go at once or are not worth it: whoever ends many
// connections ends them one after another.
const closingTime = 10 * time.Millisecond

// Close closes the connection, and tells the client so if that does not take long.
func (c *Conn) Close() error {
	c.identity.forget(c)
	late := time.AfterFunc(closingTime, func() { _ = c.raw.Close() })
	defer late.Stop()
	return c.Conn.Close()
}

// shake makes the handshake and lets the client in, or tells of why not.
func (c *Conn) shake() error {
	err := c.Conn.Handshake()
	if err == nil {
		err = c.enter()
	}
	if err == nil {
		return nil
	}
	if c.identity.options.Failed != nil {
		c.identity.options.Failed(c.raw.RemoteAddr(), err)
	}
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && c.identity.options.Protocol == HTTP1 {
		tellPlain(c.raw, plain.RecordHeader)
	}
	return err
}

// enter checks what the library leaves open, and makes the connection one that a later load
// can close.
func (c *Conn) enter() error {
	state, i := c.Conn.ConnectionState(), c.identity
	spoken, want := state.NegotiatedProtocol, i.options.Protocol
	if spoken != want && (spoken != "" || want != HTTP1) {
		return fmt.Errorf("the client does not speak %s", want)
	}
	if c.made.authorities == nil {
		return nil
	}
	c.chain, c.until = state.PeerCertificates, lasts(state.VerifiedChains)
	if err := i.enrol(c, time.Now()); err != nil {
		return err
	}
	c.name = i.nameOf(c.chain[0])
	return nil
}

// verify is asked in every handshake, also of one that resumes a session.
func (i *Identity) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 || len(state.VerifiedChains) == 0 {
		return errors.New("the client has no verified certificate")
	}
	if !time.Now().Before(lasts(state.VerifiedChains)) {
		return errors.New("the client's certificate has expired")
	}
	if _, ok := i.allowed(state.PeerCertificates[0]); len(i.sans) > 0 && !ok {
		return errors.New("the client's certificate has none of the names in client_sans")
	}
	return nil
}

// enrol adds a connection to those that a load can close. One whose handshake a load has
// overtaken is held to the authorities that are current now.
func (i *Identity) enrol(c *Conn, now time.Time) (err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if current := i.current.Load(); current != c.made {
		if c.until, err = current.accepts(c.chain, now); err != nil {
			return err
		}
	}
	i.open[c] = struct{}{}
	return nil
}

func (i *Identity) forget(c *Conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.open, c)
}

// What a client that does not speak TLS is read of at most, so that it gets to read the
// answer before the connection is closed.
const (
	plainTime  = time.Second
	plainBytes = 64 << 10
)

// plainAnswer is a denial where the client is a proxy that was told no TLS: it takes a
// connection that breaks off for our failure, which may let a request through.
const plainAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\nTLS is spoken here.\r\n"

// tellPlain answers a client that sent a request without TLS. However it ends, the
// connection is closed.
func tellPlain(raw net.Conn, first [5]byte) {
	for _, b := range first {
		if b != ' ' && b != '/' && (b < 'A' || b > 'Z') {
			return
		}
	}
	if raw.SetDeadline(time.Now().Add(plainTime)) != nil {
		return
	}
	if _, err := io.WriteString(raw, plainAnswer); err != nil {
		return
	}
	if half, ok := raw.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, raw, plainBytes)
	}
}
