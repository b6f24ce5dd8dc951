package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of a log, in bytes. A record with the largest case is much shorter.
const maxLine = 1 << 20

// A Log is a decision log, plain or compressed with gzip: JSON lines.
type Log struct {
	Name string
	io.Reader
}

// lines reads a log line by line.
type lines struct {
	name string
	from *bufio.Reader
	n    int
	last []byte
}

// open finds out whether a log is compressed.
func (l Log) open() (*lines, error) {
	from := bufio.NewReaderSize(l.Reader, 64<<10)
	if magic, _ := from.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", l.Name, err)
		}
		from = bufio.NewReaderSize(unpacked, 64<<10)
	}
	return &lines{name: l.Name, from: from}, nil
}

// next is the next line that is not empty, nil where it is too long to be a record. What it
// returns is good until it is called again. At the end it returns io.EOF.
func (l *lines) next() ([]byte, error) {
	for {
		l.n++
		l.last = l.last[:0]
		long := false
		for {
			part, err := l.from.ReadSlice('\n')
			if long = long || len(l.last)+len(part) > maxLine; !long {
				l.last = append(l.last, part...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read %s, line %d: %w", l.name, l.n, err)
			}
			if err != nil && len(l.last) == 0 && !long {
				return nil, io.EOF
			}
			break
		}
		if long {
			return nil, nil
		}
		if line := bytes.TrimSpace(l.last); len(line) > 0 {
			return line, nil
		}
	}
}
