package session

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The rules of ECMAScript that Clerk's decoder leans on, for values that came from
// JSON.

// truthy is ToBoolean: absent, null, false, "", 0 and -0 are not.
func truthy(raw jsontext.Value) bool {
	switch raw.Kind() {
	case '"':
		return len(raw) > len(`""`)
	case '0':
		return !numberIs(raw, 0)
	case 't', '{', '[':
		return true
	}
	return false
}

// numberIs reports whether raw is the number want, however it is written: 2.0 and 2e0
// are 2.
func numberIs(raw jsontext.Value, want float64) bool {
	return raw.Kind() == '0' && number(raw) == want
}

// number is the double nearest to a JSON number, infinite beyond the largest one.
func number(raw jsontext.Value) float64 {
	f, _ := strconv.ParseFloat(string(raw), 64)
	return f
}

// trimJS is String.prototype.trim: white space and line terminators of ECMA-262,
// sections 12.2 and 12.3, which are neither Unicode's nor Go's.
func trimJS(s string) string {
	if s == "" || visible(s[0]) && visible(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool {
		switch r {
		case '\t', '\n', '\v', '\f', '\r', ' ', '\u00a0', '\u1680',
			'\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\ufeff':
			return true
		}
		return '\u2000' <= r && r <= '\u200a'
	})
}

// visible reports whether c is an ASCII character that is no white space.
func visible(c byte) bool { return ' ' < c && c < 0x7f }

// jsString is ToString: 5 is "5", true is "true", ["a",null,["b"]] is "a,,b". It is an
// error where that throws, for an object that hides its toString.
func jsString(raw jsontext.Value) (string, error) {
	if s, ok := text(raw); ok {
		return s, nil
	}
	s, err := appendString(nil, jsontext.NewDecoder(bytes.NewReader(raw)))
	return string(s), err
}

// appendString appends the next value of dec. null is an element of an array here,
// and empty.
func appendString(s []byte, dec *jsontext.Decoder) ([]byte, error) {
	if dec.PeekKind() == '[' {
		return appendJoined(s, dec)
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return s, err
	}
	switch raw.Kind() {
	case 'n':
		return s, nil
	case '"':
		return jsontext.AppendUnquote(s, raw)
	case '0':
		return append(s, numberString(number(raw))...), nil
	case '{':
		if member(raw, "toString") != nil {
			return s, errors.New("an object cannot be read as text")
		}
		return append(s, "[object Object]"...), nil
	}
	return append(s, raw...), nil
}

// appendJoined is Array.prototype.join with commas.
func appendJoined(s []byte, dec *jsontext.Decoder) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return s, err
	}
	for first := true; dec.PeekKind() != ']'; first = false {
		if !first {
			s = append(s, ',')
		}
		var err error
		if s, err = appendString(s, dec); err != nil {
			return s, err
		}
	}
	_, err := dec.ReadToken()
	return s, err
}

// numberString is Number::toString of ECMA-262, section 6.1.6.1.20.
func numberString(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f > maxNumber:
		return "Infinity"
	case f < -maxNumber:
		return "-Infinity"
	}
	return string(jsontext.AppendFloat(nil, f, 64))
}
