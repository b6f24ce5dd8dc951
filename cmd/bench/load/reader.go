package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxBody bounds an answer's body. Nothing that is measured answers with more.
const maxBody = 1 << 20

var (
	contentLength    = []byte("content-length")
	transferEncoding = []byte("transfer-encoding")
)

// varying are the headers that differ from answer to answer. They are no part of what is
// compared.
var varying = [][]byte{[]byte("date"), []byte("x-decision-id")}

// A reader reads answers of HTTP/1.1 off one connection, strictly: every line ends with
// CRLF, Content-Length is said once, and nothing follows the body. What it returns is valid
// until the next read.
type reader struct {
	from *bufio.Reader
	raw  []byte // the last answer, as it came
	kept []byte // the same without what varies
}

func newReader(from io.Reader) *reader {
	return &reader{from: bufio.NewReaderSize(from, 64<<10)}
}

// next reads one answer and returns what of it can be compared: the status line, the
// headers that do not vary, an empty line, the body.
func (r *reader) next() ([]byte, error) {
	r.raw, r.kept = r.raw[:0], r.kept[:0]
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	if !isStatus(line) {
		return nil, fmt.Errorf("no status line: %q", line)
	}
	r.keep(line)
	length := -1
	for {
		if line, err = r.line(); err != nil {
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		if length, err = r.header(line, length); err != nil {
			return nil, err
		}
	}
	r.kept = append(r.kept, "\r\n"...)
	if length < 0 {
		return nil, errors.New("an answer without Content-Length")
	}
	if err := r.body(length); err != nil {
		return nil, err
	}
	return r.kept, nil
}

// line reads one line and returns it without its CRLF.
func (r *reader) line() ([]byte, error) {
	line, err := r.from.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	r.raw = append(r.raw, line...)
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, fmt.Errorf("a line without CRLF: %q", line)
	}
	return text, nil
}

func (r *reader) keep(line []byte) {
	r.kept = append(append(r.kept, line...), "\r\n"...)
}

// header takes a header line in. Length is the Content-Length so far, -1 for none.
func (r *reader) header(line []byte, length int) (int, error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
		return 0, fmt.Errorf("no header: %q", line)
	}
	switch {
	case bytes.EqualFold(name, contentLength):
		if length >= 0 {
			return 0, errors.New("a second Content-Length")
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 32)
		if err != nil || n > maxBody {
			return 0, fmt.Errorf("a Content-Length of %q", value)
		}
		length = int(n)
	case bytes.EqualFold(name, transferEncoding):
		return 0, errors.New("an answer with Transfer-Encoding")
	}
	for _, v := range varying {
		if bytes.EqualFold(name, v) {
			return length, nil
		}
	}
	r.keep(line)
	return length, nil
}

// body reads the body, with which an answer ends.
func (r *reader) body(length int) error {
	begin := len(r.kept)
	r.kept = append(r.kept, make([]byte, length)...)
	if _, err := io.ReadFull(r.from, r.kept[begin:]); err != nil {
		return fmt.Errorf("read a body of %d bytes: %w", length, err)
	}
	r.raw = append(r.raw, r.kept[begin:]...)
	if n := r.from.Buffered(); n > 0 {
		return fmt.Errorf("%d bytes after the answer", n)
	}
	return nil
}

// isStatus reports whether a line is HTTP/1.1, a space and three digits, and a reason if any.
func isStatus(line []byte) bool {
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 || len(code) > 3 && code[3] != ' ' {
		return false
	}
	for _, digit := range code[:3] {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}
