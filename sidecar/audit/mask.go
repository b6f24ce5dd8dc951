package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/logmask"
)

// A Mask is a bundle's say about a record: what to do to it, and whether to drop it. It is
// asked by the writer, for one record at a time. An error that is a [logmask.Error] says in
// a word why it has none.
type Mask func(ctx context.Context, record jsontext.Value) (edits []logmask.Edit, drop bool, err error)

// masked is the line that is left of a record: nil where it is dropped, and very little,
// reduced, where its mask cannot be followed.
func (r *Record) masked(ctx context.Context, line []byte) (text []byte, reduced bool) {
	text, err := r.edited(ctx, line)
	if err == nil {
		return text, false
	}
	word := logmask.Failed
	errors.As(err, &word)
	little := Record{
		ID: r.ID, Time: r.Time, Door: r.Door, Item: r.Item, Allow: r.Allow, Status: r.Status,
		Revision: r.Revision, Digest: r.Digest,
	}
	if r.Shadow != nil { // without it, the record would be one of a decision
		shadow := *r.Shadow
		shadow.Reasons = nil
		little.Shadow = &shadow
	}
	text = bytes.TrimSuffix(little.appendLine(nil), []byte(",\"duration_ns\":0}\n"))
	return fmt.Appendf(text, ",\"mask_error\":%q}\n", string(word)), true
}

func (r *Record) edited(ctx context.Context, line []byte) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, logmask.Failed
		}
	}()
	// The evaluation may go on behind its deadline, and the line is used again.
	record := bytes.Clone(bytes.TrimSuffix(line, []byte("\n")))
	edits, drop, err := r.Mask(ctx, record)
	switch {
	case err != nil:
		return nil, err
	case drop && !r.Required && !r.Kept:
		return nil, nil
	case len(edits) == 0:
		return line, nil
	}
	return logmask.Apply(record, edits)
}
