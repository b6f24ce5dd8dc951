package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const checkMethod = "/envoy.service.auth.v3.Authorization/Check"

// A raw call is one whose octets a test writes itself, over HTTP/2.
type raw struct {
	t      testing.TB
	client *http.Client
	url    string
}

func (s *sidecar) rawCalls() raw {
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &h2c, DisableCompression: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return raw{s.t, &http.Client{Transport: transport, Timeout: 30 * time.Second}, "http://" + s.server.Addresses()["grpc"] + checkMethod}
}

// call sends a body as it is, and returns what the answer says in words.
func (c raw) call(body io.Reader, headers ...string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	code := res.Trailer.Get("Grpc-Status") + res.Header.Get("Grpc-Status")
	if res.StatusCode != 200 || code != "0" {
		return fmt.Sprintf("HTTP %d, gRPC %s", res.StatusCode, code)
	}
	if len(text) >= 5 && text[0] == 1 { // answered as it was asked
		plain, err := gzip.NewReader(bytes.NewReader(text[5:]))
		if err != nil {
			return err.Error()
		}
		if text, err = io.ReadAll(plain); err != nil {
			return err.Error()
		}
		text = message(0, text)
	}
	if len(text) < 5 || int(binary.BigEndian.Uint32(text[1:])) != len(text)-5 {
		return fmt.Sprintf("not one message: %q", text)
	}
	var answer authv3.CheckResponse
	if err := proto.Unmarshal(text[5:], &answer); err != nil {
		return err.Error()
	}
	return told(&answer, nil)
}

// message is a message with its prefix.
func message(flag byte, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(payload))), payload...)
}

func marshal(t testing.TB, r *authv3.CheckRequest) []byte {
	t.Helper()
	b, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const malformed = "BadRequest request_malformed"

// TestGRPC_malformed: whatever comes for a message, the answer is a denial and no error.
func TestGRPC_malformed(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	c := s.rawCalls()
	good := marshal(t, envoyAsks("GET", "/public/x"))
	f := func(name, want string, body []byte, headers ...string) {
		t.Helper()
		if got := c.call(bytes.NewReader(body), headers...); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("one message", "allow", message(0, good))
	f("no message", malformed, nil)
	f("an empty message", malformed, message(0, nil))
	f("half a prefix", malformed, []byte{0, 0, 0})
	f("a message that ends early", malformed, message(0, good)[:20])
	f("a prefix alone", malformed, []byte{0, 0, 0, 1, 0})
	f("two messages", malformed, append(message(0, good), message(0, good)...))
	f("a message and half a prefix", malformed, append(message(0, good), 0, 0))
	f("an unknown flag", malformed, message(2, good))
	f("compressed by what?", malformed, message(1, zipped(t, good)))
	f("compressed by nothing", malformed, message(1, zipped(t, good)), "Grpc-Encoding", "identity")
	f("compressed", "allow", message(1, zipped(t, good)), "Grpc-Encoding", "gzip")
	f("not compressed, though the call says so", "allow", message(0, good), "Grpc-Encoding", "gzip")
	f("not gzip", malformed, message(1, good), "Grpc-Encoding", "gzip")
	f("half of gzip", malformed, message(1, zipped(t, good)[:30]), "Grpc-Encoding", "gzip")
	f("a gzip bomb", malformed, message(1, zipped(t, make([]byte, 64<<20))), "Grpc-Encoding", "gzip")
	f("no protobuf", malformed, message(0, []byte("\xff\xff\xff\xff")))
	f("JSON", malformed, message(0, []byte(`{"attributes":{}}`)))
	f("a field cut short", malformed, message(0, good[:len(good)-3]))
	f("a group without end", malformed, message(0, []byte{0x0b}))
	f("invalid UTF-8 in the path", malformed, message(0, bytes.Replace(good, []byte("/public/x"), []byte("/public/\xff"), 1)))
	f("nested beyond measure", malformed, message(0, nested(6_000)))
	f("an unknown field", "allow", message(0, append(bytes.Clone(good), 0xfa, 0x3f, 1, 'x')))
	f("another message", "allow", message(0, good), "Content-Type", "application/grpc+json")
	f("afterwards", "allow", message(0, good))
	// grpc-go refuses these before anything of ours is asked: nothing that Envoy's client
	// sends, and nothing that its clients can make it send.
	f("an unknown encoding", "HTTP 200, gRPC 12", message(1, good), "Grpc-Encoding", "br")
	f("no gRPC", "HTTP 415, gRPC 3", message(0, good), "Content-Type", "text/plain")
}

// nested is a CheckRequest with metadata that is a list in a list, and so on.
func nested(depth int) []byte {
	wrap := func(inner []byte, fields ...protowire.Number) []byte {
		for _, n := range fields {
			inner = protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), inner)
		}
		return inner
	}
	var value []byte // google.protobuf.Value
	for range depth {
		value = wrap(value, 1, 6) // list_value.values: list, then value
	}
	return wrap(value, 2, 1, 2, 1, 11, 1) // the entry's value, fields, the entry's value, filter_metadata, metadata_context, attributes
}

// TestGRPC_tooLarge: a message over the limit is denied before it is read, by the real
// client too.
func TestGRPC_tooLarge(t *testing.T) {
	s := start(t, standard(t, gated(t), "limits: {body: 1KiB}"))
	c := s.rawCalls()
	// The rest never comes, and the answer does not wait for it.
	for _, length := range []uint32{1<<20 + 1024 + 1, 1 << 31, 1<<32 - 1} {
		unending, w := io.Pipe()
		go func() { _, _ = w.Write(binary.BigEndian.AppendUint32([]byte{0}, length)) }()
		began := time.Now()
		if got := c.call(unending); got != malformed || time.Since(began) > 4*time.Second {
			t.Errorf("%d bytes announced: %s after %v, want %s at once", length, got, time.Since(began), malformed)
		}
		w.Close()
	}
	client := authv3.NewAuthorizationClient(s.connect())
	padded := func(body, header int) *authv3.CheckRequest {
		r := envoyAsks("GET", "/public/x", "x-long", strings.Repeat("a", header))
		r.Attributes.Request.Http.Body = strings.Repeat("b", body)
		return r
	}
	f := func(name string, r *authv3.CheckRequest, want string) {
		t.Helper()
		if got := told(client.Check(soon(t), r)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("a body at the limit", padded(1024, 0), "allow")
	f("a body over the limit", padded(1025, 0), malformed)
	f("headers at the limit", padded(0, 15<<10), "allow")
	f("headers over the limit", padded(0, 16<<10), malformed)
	for range 20 {
		f("a message over the limit", padded(0, 4<<20), malformed)
	}
	r := padded(0, 0)
	r.Attributes.Request.Http.RawBody = make([]byte, 1025)
	f("a raw body over the limit", r, malformed)
	for i := range 300 {
		r.Attributes.Request.Http.Headers[fmt.Sprint("x-", i)] = "v"
	}
	r.Attributes.Request.Http.RawBody = nil
	f("300 headers", r, malformed)
	f("afterwards", padded(0, 0), "allow")
}

// TestGRPC_messages drives the real client as a stream: none, one, two messages.
func TestGRPC_messages(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	conn := s.connect()
	f := func(n int, want string) {
		t.Helper()
		stream, err := conn.NewStream(soon(t), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, checkMethod)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := stream.SendMsg(envoyAsks("GET", "/public/x")); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		var answer authv3.CheckResponse
		err = stream.RecvMsg(&answer)
		if got := told(&answer, err); got != want {
			t.Errorf("%d messages: %s, want %s", n, got, want)
		}
		if err := stream.RecvMsg(&answer); err != io.EOF {
			t.Errorf("%d messages: a second answer, %v", n, err)
		}
	}
	f(0, malformed)
	f(1, "allow")
	f(2, malformed)
	f(100, malformed)
}

// TestGRPC_slow: a message that does not arrive in time is denied, and others are answered
// meanwhile.
func TestGRPC_slow(t *testing.T) {
	t.Parallel()
	s := start(t, standard(t, gated(t)))
	c := s.rawCalls()
	good := message(0, marshal(t, envoyAsks("GET", "/public/x")))
	type late struct {
		name, got string
		took      time.Duration
	}
	lates := make(chan late)
	texts := map[string][]byte{"nothing": nil, "half a prefix": good[:2], "half a message": good[:30], "no end": good}
	for name, text := range texts {
		body, w := io.Pipe()
		t.Cleanup(func() { w.Close() })
		go func() { _, _ = w.Write(text) }()
		go func() {
			began := time.Now()
			lates <- late{name, c.call(body), time.Since(began)}
		}()
	}
	for range 50 {
		if got := c.call(bytes.NewReader(good)); got != "allow" {
			t.Errorf("meanwhile: %s", got)
		}
	}
	for range texts {
		if l := <-lates; l.got != malformed || l.took < 4*time.Second || l.took > 14*time.Second {
			t.Errorf("%s: %s after %v, want %s after 5s", l.name, l.got, l.took, malformed)
		}
	}
}

// TestGRPC_wire: the compressor that clients use most is there, and unknown methods are
// what the protocol has for them.
func TestGRPC_wire(t *testing.T) {
	if encoding.GetCompressor("gzip") == nil {
		t.Error("gzip is not there")
	}
	conn := start(t, standard(t, plain(t))).connect()
	for _, method := range []string{"/envoy.service.auth.v2.Authorization/Check", "/envoy.service.auth.v3.Authorization/check", "/x"} {
		var answer authv3.CheckResponse
		if err := conn.Invoke(context.Background(), method, &authv3.CheckRequest{}, &answer); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want Unimplemented", method, err)
		}
	}
}
