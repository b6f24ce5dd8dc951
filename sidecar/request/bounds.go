package request

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxDepth bounds how deeply a body nests.
	maxDepth = 64
	// maxNumber bounds the digits of a number, in bytes. A policy that multiplies longer
	// ones keeps a processor busy for minutes.
	maxNumber = 64
)

// CheckBounds looks through a body for nesting and numbers that cost more than they
// say, before anything is made of it. It does not judge the syntax otherwise.
func CheckBounds(body []byte) error {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			i += skipText(body[i:])
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("the body nests more than %d deep", maxDepth)
			}
		case c == '}', c == ']':
			depth--
		case c == '-', '0' <= c && c <= '9':
			n := lengthOfNumber(body[i:])
			if !PlainNumber(string(body[i : i+min(n, maxNumber+1)])) {
				return fmt.Errorf("the number at byte %d is longer than %d digits or out of range", i, maxNumber)
			}
			i += n - 1
		}
	}
	return nil
}

// skipText is how far the closing quote is from the opening one, or the end.
func skipText(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

func lengthOfNumber(text []byte) int {
	for i, c := range text {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return i
		}
	}
	return len(text)
}

// PlainNumber reports whether a JSON number is short and within the range of a float64,
// so that no arithmetic on it alone is costly. One that is too near to zero is out of it:
// OPA panics when it compares such numbers.
func PlainNumber(text string) bool {
	if len(text) > maxNumber {
		return false
	}
	value, err := strconv.ParseFloat(text, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return err == nil && (value != 0 || !strings.ContainsAny(mantissa, "123456789")) && !longExponent(text)
}

// longExponent reports whether an exponent has more than three digits, which even a zero
// may not have.
func longExponent(text string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	return len(strings.TrimLeft(exponent, "+-0")) > 3
}
