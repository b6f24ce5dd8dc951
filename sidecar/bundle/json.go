package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/phrase"
)

// A syntaxError is a fault at an offset of a file's content.
type syntaxError struct {
	offset int64
	cause  string
}

func (e *syntaxError) Error() string { return e.cause }

// decodeJSON reads one JSON value (RFC 8259) and nothing after it: names unique in each
// object, valid UTF-8, no deeper and no more values than there is room for, numbers that
// OPA can compute with.
func decodeJSON(content []byte, r *room) (any, error) {
	d := &jsonDecoder{
		// object refuses a name that comes twice, since it has them all.
		dec:  jsontext.NewDecoder(bytes.NewBuffer(content), jsontext.AllowDuplicateNames(true)),
		room: r,
		seed: maphash.MakeSeed(),
	}
	value, err := d.value()
	if err != nil {
		return nil, err
	}
	if _, err := d.dec.ReadToken(); err == nil {
		return nil, &syntaxError{d.dec.InputOffset(), "more follows after the end of the value"}
	} else if !errors.Is(err, io.EOF) {
		return nil, d.fault(err)
	}
	return value, nil
}

type jsonDecoder struct {
	dec  *jsontext.Decoder
	room *room
	// recent are strings by their hash, which comes of seed: in a large file, the same few
	// names and values come again and again, and need not take memory each time.
	recent [256]any
	seed   maphash.Seed
	buffer []byte
}

// text reads a string; length is that of its literal.
func (d *jsonDecoder) text() (s any, length int, err error) {
	literal, err := d.dec.ReadValue()
	if err != nil {
		return nil, 0, d.fault(err)
	}
	if d.buffer, err = jsontext.AppendUnquote(d.buffer[:0], literal); err != nil {
		return nil, 0, d.fault(err)
	}
	known := &d.recent[maphash.Bytes(d.seed, d.buffer)%uint64(len(d.recent))]
	if s, ok := (*known).(string); !ok || s != string(d.buffer) {
		*known = string(d.buffer)
	}
	return *known, len(literal), nil
}

// take makes place for n values of the one that begins or has begun here.
func (d *jsonDecoder) take(n int) error {
	if err := d.room.take(n); err != nil {
		return &syntaxError{d.dec.InputOffset(), err.Error()}
	}
	return nil
}

func (d *jsonDecoder) value() (any, error) {
	if err := d.take(1); err != nil {
		return nil, err
	}
	if d.dec.PeekKind() == '"' {
		s, _, err := d.text()
		return s, err
	}
	token, err := d.dec.ReadToken()
	if err != nil {
		return nil, d.fault(err)
	}
	switch token.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return token.Bool(), nil
	case '0':
		number := token.String()
		if err := checkNumber(number); err != nil {
			return nil, &syntaxError{d.dec.InputOffset() - int64(len(number)), err.Error()}
		}
		return json.Number(number), nil
	}
	if d.dec.StackDepth() > d.room.depth {
		return nil, &syntaxError{d.dec.InputOffset() - 1, fmt.Sprintf("nested more than %d deep", d.room.depth)}
	}
	if token.Kind() == '{' {
		return d.object()
	}
	return d.array()
}

func (d *jsonDecoder) object() (any, error) {
	if err := d.take(objectValues - 1); err != nil {
		return nil, err
	}
	members := map[string]any{}
	for d.dec.PeekKind() != '}' {
		name, length, err := d.text()
		if err != nil {
			return nil, err
		}
		key := name.(string)
		if _, twice := members[key]; twice {
			return nil, &syntaxError{d.dec.InputOffset() - int64(length), fmt.Sprintf("duplicate key %s", phrase.Quote(key))}
		}
		if members[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.fault(err)
	}
	return members, nil
}

func (d *jsonDecoder) array() (any, error) {
	elements := []any{}
	for d.dec.PeekKind() != ']' {
		element, err := d.value()
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.fault(err)
	}
	return elements, nil
}

// fault turns the decoder's error into one with an offset.
func (d *jsonDecoder) fault(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &syntaxError{d.dec.InputOffset(), "ends in the middle of a value"}
	case errors.As(err, &syntactic):
		return &syntaxError{syntactic.ByteOffset, cause(syntactic.Err)}
	}
	return &syntaxError{d.dec.InputOffset(), cause(err)}
}

// cause is the text of a library's error, which may hold a part of the file, on one line.
func cause(err error) string {
	text := err.Error()
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	return strings.Trim(strconv.Quote(text), `"`)
}

// checkNumber refuses a number that a policy cannot compute with: one that overflows a
// 64-bit float, vanishes in it, or is absurdly long.
func checkNumber(number string) error {
	const most = 400
	if len(number) > most {
		return fmt.Errorf("number of %d digits", len(number))
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(f, 0) {
		return fmt.Errorf("number %s is too large", phrase.Quote(number))
	}
	if f == 0 && vanishes(number) {
		return fmt.Errorf("number %s is too small", phrase.Quote(number))
	}
	return nil
}

// vanishes reports whether a number that a float holds as zero has a digit that is not.
func vanishes(number string) bool {
	for _, c := range []byte(number) {
		switch {
		case c == 'e' || c == 'E':
			return false
		case c >= '1' && c <= '9':
			return true
		}
	}
	return false
}

// lineColumn turns an offset into a line and a column, in characters, both from 1.
func lineColumn(content []byte, offset int64) (line, column int) {
	before := content[:min(max(offset, 0), int64(len(content)))]
	line = 1 + bytes.Count(before, []byte{'\n'})
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
