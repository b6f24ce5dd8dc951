package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ReadJSON reads one JSON value and nothing else, within bounds and with unique names. It is
// a copy. The errors are for the caller.
func ReadJSON(raw []byte) (jsontext.Value, error) {
	if err := CheckBounds(raw); err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	value, err := dec.ReadValue()
	if err != nil {
		return nil, Malformed(err)
	}
	value = value.Clone()
	if err := atEnd(dec); err != nil {
		return nil, err
	}
	return value, nil
}

// atEnd checks that nothing but white space is left.
func atEnd(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		return errors.New("something follows the JSON value")
	}
	return Malformed(err)
}

// Malformed words a decoder's error for the caller, with the place and without the body.
func Malformed(err error) error {
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("no valid JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the body is empty")
	}
	return errors.New("no valid JSON")
}
