package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// messageRoom is what a message of Envoy may hold besides the body: Envoy takes 60 KiB of
// headers where it is not told otherwise, and adds certificates and metadata.
const messageRoom = 1 << 20

// maxMessage bounds a message. A longer one is denied before it is read.
func (s *Server) maxMessage() int { return int(s.config.Limits.Body) + messageRoom }

// A wire is a call as grpc-go's transport has it, below the reader of messages that ends
// the call with an error of its own.
type wire interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
	WriteStatus(*status.Status) error
}

// receive reads the one message of a unary call: five octets, of which the first is 1
// where the message is compressed and the others its length, the message, and the end
// (gRPC over HTTP/2, Length-Prefixed-Message). The caller frees what it returns.
func receive(w wire, most int) (mem.Buffer, error) {
	var prefix [5]byte
	if err := w.ReadMessageHeader(prefix[:]); err != nil {
		return nil, fmt.Errorf("the call has no message: %w", err)
	}
	length := binary.BigEndian.Uint32(prefix[1:])
	if int64(length) > int64(most) {
		return nil, fmt.Errorf("the message has %d bytes, more than limits.body and %d", length, messageRoom)
	}
	data, err := w.Read(int(length))
	if err != nil {
		return nil, fmt.Errorf("the message ends early: %w", err)
	}
	if err := w.ReadMessageHeader(make([]byte, 1)); !errors.Is(err, io.EOF) {
		data.Free()
		return nil, errors.New("the call has more than one message")
	}
	pool := mem.DefaultBufferPool()
	switch prefix[0] {
	case 0:
		defer data.Free()
		return data.MaterializeToBuffer(pool), nil
	case 1:
		defer data.Free()
		return decompress(data, w.RecvCompress(), most, pool)
	default:
		data.Free()
		return nil, errors.New("the message has an unknown flag")
	}
}

// decompress reads a compressed message, of which no more than is taken comes to memory.
func decompress(data mem.BufferSlice, name string, most int, pool mem.BufferPool) (mem.Buffer, error) {
	c := encoding.GetCompressor(name)
	if c == nil {
		return nil, errors.New("the message is compressed, and the call does not say how")
	}
	compressed := data.Reader()
	defer compressed.Close()
	plain, err := c.Decompress(compressed)
	if err != nil {
		return nil, fmt.Errorf("decompress the message: %w", err)
	}
	if closer, ok := plain.(io.Closer); ok {
		defer closer.Close()
	}
	out, err := mem.ReadAll(io.LimitReader(plain, int64(most)+1), pool)
	defer out.Free()
	if err != nil {
		return nil, fmt.Errorf("decompress the message: %w", err)
	}
	if out.Len() > most {
		return nil, fmt.Errorf("the message has more bytes than limits.body and %d, once decompressed", messageRoom)
	}
	return out.MaterializeToBuffer(pool), nil
}
