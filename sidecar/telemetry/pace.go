package telemetry

import "time"

// A pace bounds the times of what is sent. The zero pace is the usual one.
type pace struct {
	// send is how long an attempt, and a batch with its repetitions, takes at most.
	send time.Duration
	// first and most are the pauses between repetitions.
	first, most time.Duration
	// gather is how long spans wait for others.
	gather time.Duration
}

var usual = pace{send: 10 * time.Second, first: 500 * time.Millisecond, most: 2 * time.Second, gather: 2 * time.Second}

func (p pace) orUsual() pace {
	if p == (pace{}) {
		return usual
	}
	return p
}
