package request

import (
	"fmt"
	"strconv"
)

const (
	// maxDepth bounds how deeply a body nests.
	maxDepth = 64
	// maxNumber bounds the digits of a number, in bytes. A policy that multiplies longer
	// ones keeps a processor busy for minutes.
	maxNumber = 64
)

// checkBounds looks through a body for nesting and numbers that cost more than they
// say, before anything is made of it. It does not judge the syntax otherwise.
func checkBounds(body []byte) error {
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
// so that no arithmetic on it alone is costly.
func PlainNumber(text string) bool {
	if len(text) > maxNumber {
		return false
	}
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}
