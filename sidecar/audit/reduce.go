package audit

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/logmask"
)

// lasting are the members of a record that are left where nothing else can be.
var lasting = []string{"decision_id", "time", "door", "item", "allow", "status", "revision", "digest"}

// reducedLine is what is left of a record that is too large to be sent: as much as where its
// mask fails, since the rest may be what somebody made it large by.
func reducedLine(line []byte) ([]byte, error) {
	members, err := membersOf(line)
	if err != nil {
		return nil, err
	}
	var little object
	for i := 0; i < len(members); i += 2 {
		name, value := string(members[i]), members[i+1]
		switch {
		case slices.Contains(lasting, name):
			little.raw(name, value)
		case name == "shadow":
			about, err := membersOf(value)
			if err != nil {
				return nil, err
			}
			little.raw(name, without(about, "reasons"))
		}
	}
	little.text("mask_error", string(logmask.Size))
	return append(little.closed(), '\n'), nil
}

// without is an object without one of its members.
func without(members []jsontext.Value, name string) jsontext.Value {
	var left object
	for i := 0; i < len(members); i += 2 {
		if string(members[i]) != name {
			left.raw(string(members[i]), members[i+1])
		}
	}
	return left.closed()
}

// reduce leaves little of the first record, and reports whether that is less than it was.
func (b *batch) reduce() bool {
	if b.reduced[0] {
		return false
	}
	line, err := reducedLine(b.record(0))
	less := b.ends[0] - len(line)
	if err != nil || less <= 0 {
		return false
	}
	b.text = append(line, b.text[b.ends[0]:]...)
	for i := range b.ends {
		b.ends[i] -= less
	}
	b.reduced[0] = true
	return true
}
