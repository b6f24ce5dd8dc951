// Package logmask is what a bundle can have done to a record of the decision log: edits at
// JSON pointers, and the little that is never edited.
package logmask

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// An Edit takes what is at a JSON pointer (RFC 6901) out of a record, or puts a value there.
type Edit struct {
	Pointer string
	// Value is what to put there; nil takes out.
	Value jsontext.Value
}

// An Error is the word by which a record says why so little of it is left.
type Error string

func (e Error) Error() string { return "mask: " + string(e) }

// Why a record cannot be masked.
const (
	Failed     Error = "error"     // the evaluation failed, or is undefined
	Timeout    Error = "timeout"   // it took longer than policy.deadline
	Busy       Error = "busy"      // earlier evaluations still run past their deadlines
	Shape      Error = "shape"     // the result has another shape than the contract's
	Path       Error = "path"      // a pointer leads nowhere that a value can be put
	Protection Error = "protected" // it leads to what every record has
	Size       Error = "size"      // there are too many edits, or too much would be put in
)

// protected are the members that no mask reaches: those by which a record is found and told
// from others, what was decided and by which bundle, and what was done to the record. They
// name nobody: they are what is left where a mask fails. A mask that could reach them would
// make a decision of what a shadow would have said, or the other way round.
var protected = []string{"decision_id", "time", "door", "item", "allow", "status", "revision", "digest", "shadow", "erased", "masked", "mask_error"}

// reasons is what a mask reaches below a protected member: why a shadow would have decided so,
// which may name somebody as the decision's own reasons may.
var reasons = []string{"shadow", "reasons"}

// Protected are the members of a record that no mask reaches.
func Protected() []string { return slices.Clone(protected) }

// Largest bounds what edits make of a record, in bytes.
const Largest = 1 << 20

// taken stands for what an edit takes out, until all are done: an edit's place in a list is
// that of the record that the mask saw.
type taken struct{}

// Apply follows the edits of a record: what is put in first, what contains before what is
// contained, and then what is taken out. To take out what is not there does nothing. The
// result says what was done, in its members erased and masked, and ends with a line feed. An
// error is an [Error].
func Apply(record []byte, edits []Edit) ([]byte, error) {
	var whole map[string]any
	if err := decode(record, &whole); err != nil {
		return nil, Failed
	}
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(boolean(a.Value == nil)-boolean(b.Value == nil), cmp.Compare(a.Pointer, b.Pointer))
	})
	var erased, masked []string
	size := len(record)
	for i, e := range edits {
		// Those that put something in stand together, sorted.
		if i > 0 && e.Value != nil && e.Pointer == edits[i-1].Pointer {
			return nil, Shape // two values for one place
		}
		names, err := parsePointer(e.Pointer)
		if err != nil {
			return nil, err
		}
		if e.Value == nil {
			found, err := take(whole, names)
			if err != nil {
				return nil, err
			}
			if found && !slices.Contains(erased, e.Pointer) {
				erased = append(erased, e.Pointer)
			}
			continue
		}
		if size += len(e.Value); size > Largest {
			return nil, Size
		}
		if err := put(whole, names, e.Value); err != nil {
			return nil, err
		}
		masked = append(masked, e.Pointer)
	}
	whole = without(whole).(map[string]any)
	if erased != nil {
		whole["erased"] = erased
	}
	if masked != nil {
		whole["masked"] = masked
	}
	return encode(whole)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decode reads JSON with all the digits of its numbers.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

func encode(whole map[string]any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(whole); err != nil {
		return nil, Failed
	}
	return out.Bytes(), nil
}

// CheckPointer reports why no mask may have a pointer, as an [Error].
func CheckPointer(pointer string) error {
	_, err := parsePointer(pointer)
	return err
}

func parsePointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, Protection // the whole record
	}
	if !jsontext.Pointer(pointer).IsValid() {
		return nil, Path
	}
	names := slices.Collect(jsontext.Pointer(pointer).Tokens())
	if slices.Contains(protected, names[0]) && !(len(names) > 1 && slices.Equal(names[:2], reasons)) {
		return nil, Protection
	}
	return names, nil
}

// within is the place in a list that a name means.
func within(list []any, name string) (at int, ok bool, err error) {
	at, err = strconv.Atoi(name)
	if err != nil || at < 0 || strconv.Itoa(at) != name {
		return 0, false, Path
	}
	return at, at < len(list), nil
}

// take takes out what is there, and reports whether something is.
func take(in any, names []string) (found bool, err error) {
	for {
		last := len(names) == 1
		switch v := in.(type) {
		case map[string]any:
			if in, found = v[names[0]]; !found {
				return false, nil
			}
			if last {
				v[names[0]] = taken{}
				return true, nil
			}
		case []any:
			at, ok, err := within(v, names[0])
			if err != nil || !ok {
				return false, err
			}
			if last {
				v[at] = taken{}
				return true, nil
			}
			in = v[at]
		case taken:
			return true, nil
		default:
			return false, Path
		}
		names = names[1:]
	}
}

// put puts a value where one is, or into an object that has none by that name.
func put(in any, names []string, text jsontext.Value) error {
	var value any
	if err := decode(text, &value); err != nil {
		return Shape
	}
	for {
		last := len(names) == 1
		switch v := in.(type) {
		case map[string]any:
			if last {
				v[names[0]] = value
				return nil
			}
			in = v[names[0]]
		case []any:
			at, ok, err := within(v, names[0])
			if err != nil {
				return err
			}
			if !ok {
				return Path
			}
			if last {
				v[at] = value
				return nil
			}
			in = v[at]
		default:
			return Path
		}
		names = names[1:]
	}
}

// without is a value without what was taken out of it.
func without(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if member == (taken{}) {
				delete(v, name)
				continue
			}
			v[name] = without(member)
		}
	case []any:
		kept := v[:0]
		for _, element := range v {
			if element != (taken{}) {
				kept = append(kept, without(element))
			}
		}
		return kept
	}
	return value
}
