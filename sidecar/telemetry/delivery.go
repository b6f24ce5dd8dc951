package telemetry

import (
	"errors"
	"strings"
	"sync/atomic"
	"unicode"
)

// A delivery keeps account of what is sent of one signal.
type delivery struct {
	signal  Signal
	trouble func(Signal, error)
	lost    atomic.Uint64
	failing atomic.Bool
}

// ended notes the end of an attempt with n items. What a receiver took in part counts as
// lost.
func (d *delivery) ended(err error, n int) {
	if err != nil {
		d.lost.Add(uint64(n))
	}
	if was := d.failing.Swap(err != nil); was == (err != nil) || d.trouble == nil {
		return
	}
	if err != nil {
		err = errors.New(excerpt(err.Error()))
	}
	d.trouble(d.signal, err)
}

// longest is how much of an error is told, in bytes: receivers may put pages into it.
const longest = 500

// excerpt is the beginning of a text, without what a terminal or a log might act on.
func excerpt(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), longest)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
