package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes.
type Size int64

// The units of a [Size].
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// units are the suffixes of a size, the longest first.
var units = []struct {
	suffix string
	size   Size
}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// ParseSize reads a whole number of bytes, or of B, KiB, MiB or GiB without a space.
func ParseSize(text string) (Size, error) {
	digits, unit := text, Size(1)
	for _, u := range units {
		if d, ok := strings.CutSuffix(text, u.suffix); ok {
			digits, unit = d, u.size
			break
		}
	}
	n, err := parseWhole(digits)
	if err != nil {
		return 0, fmt.Errorf("%s is no size: want a whole number of bytes, or one with KiB, MiB or GiB", show(text))
	}
	if Size(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is too large a size", show(text))
	}
	return Size(n) * unit, nil
}

// String writes s in the largest unit that needs no fraction; ParseSize reads it back.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%u.size == 0 && u.size > 1 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// parseWhole reads decimal digits without a sign or leading zeros, which YAML reads as
// octal.
func parseWhole(text string) (int64, error) {
	if text == "" || len(text) > 1 && text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%s is no whole number", show(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large a number", show(text))
	}
	return n, nil
}
