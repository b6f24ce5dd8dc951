package authzen

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// How bodies are read. Each is one JSON object (RFC 8259) that keeps to I-JSON (RFC 7493):
// valid UTF-8, no lone surrogates, no name twice. Unknown members are ignored. A member that
// is known has its type: null is no object and no text. The errors are for the caller, and
// hold nothing of the body.

// ParseEvaluation reads the body of an evaluation.
func ParseEvaluation(text []byte) (*Evaluation, error) {
	text, err := body(text)
	if err != nil {
		return nil, err
	}
	d := newDraft("")
	if err := members(theBody, text, d.member); err != nil {
		return nil, err
	}
	e, err := d.complete()
	if err != nil {
		return nil, err
	}
	return &e, nil
}

// A Semantic is which items of a batch are answered.
type Semantic string

// The semantics. Those that end early answer the item that they end with.
const (
	ExecuteAll          Semantic = "execute_all"
	DenyOnFirstDeny     Semantic = "deny_on_first_deny"
	PermitOnFirstPermit Semantic = "permit_on_first_permit"
)

// Ends reports whether a batch ends with an item that was decided so.
func (s Semantic) Ends(allow bool) bool {
	return s == DenyOnFirstDeny && !allow || s == PermitOnFirstPermit && allow
}

// A Batch asks several evaluations, or like a lone evaluation just one.
type Batch struct {
	// Lone is the one evaluation of a body that has no items; Items is then empty.
	Lone     *Evaluation
	Items    []Item
	Semantic Semantic
}

// An Item is one evaluation of a batch, or why it is none: an item with a Fault is denied.
type Item struct {
	Evaluation
	Fault error
}

// ParseBatch reads the body of evaluations, with at most limit items. The body's own
// entities stand in for those that an item lacks, each as a whole, and may lack parts where
// no item needs them; what has the wrong type there spoils the whole body. A fault within an
// item is that item's.
func ParseBatch(text []byte, limit int) (*Batch, error) {
	text, err := body(text)
	if err != nil {
		return nil, err
	}
	defaults, b := newDraft(""), &Batch{Semantic: ExecuteAll}
	var items jsontext.Value
	err = members(theBody, text, func(key string, value jsontext.Value) (err error) {
		switch key {
		case "evaluations":
			items = value
		case "options":
			b.Semantic, err = readOptions(value)
		default:
			err = defaults.member(key, value)
		}
		return err
	})
	if err == nil && items != nil {
		err = b.readItems(items, defaults, limit)
	}
	if err != nil || len(b.Items) > 0 {
		return b, err
	}
	lone, err := defaults.complete()
	b.Lone = &lone
	return b, err
}

func (b *Batch) readItems(items jsontext.Value, defaults draft, limit int) error {
	return elements("evaluations", items, func(value jsontext.Value) error {
		if len(b.Items) == limit {
			return fmt.Errorf("evaluations holds more than %d items", limit)
		}
		d := defaults
		var item Item
		if item.Fault = members("the item", value, d.member); item.Fault == nil {
			item.Evaluation, item.Fault = d.complete()
		}
		b.Items = append(b.Items, item)
		return nil
	})
}

func readOptions(value jsontext.Value) (Semantic, error) {
	semantic := ExecuteAll
	err := members("options", value, func(key string, value jsontext.Value) error {
		if key != "evaluations_semantic" {
			return nil
		}
		text, err := readText("options", key, value)
		if err != nil {
			return err
		}
		switch semantic = Semantic(text); semantic {
		case ExecuteAll, DenyOnFirstDeny, PermitOnFirstPermit:
			return nil
		default:
			return errors.New("options.evaluations_semantic is none of execute_all, deny_on_first_deny, permit_on_first_permit")
		}
	})
	return semantic, err
}

// ParseSearch reads the body of a search.
func ParseSearch(kind Kind, text []byte) (*Search, Page, error) {
	text, err := body(text)
	if err != nil {
		return nil, Page{}, err
	}
	d, page := newDraft(kind), Page{}
	if kind == Actions {
		d.action = ""
	}
	err = members(theBody, text, func(key string, value jsontext.Value) (err error) {
		if key != "page" {
			return d.member(key, value)
		}
		page, err = readPage(value)
		return err
	})
	if err != nil {
		return nil, Page{}, err
	}
	e, err := d.complete()
	if err != nil {
		return nil, Page{}, err
	}
	return &Search{Kind: kind, Evaluation: e}, page, nil
}
