package authzen

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxPage is how many results one answer holds at most. A search that finds more is paged,
// whether it was asked for pages or not.
const MaxPage = 10_000

// maxLimit is the largest limit that can be asked for: the integers of I-JSON.
const maxLimit = 1 << 53

// A Page is which part of a search's results is asked for. The zero value asks for all of
// them.
type Page struct {
	// Limit is how many results are wanted at most, where Limited says so.
	Limit   uint64
	Limited bool
	// Token is the next_token of the answer before, "" for the beginning. Continued is
	// whether one was sent.
	Token     string
	Continued bool
}

func readPage(value jsontext.Value) (p Page, err error) {
	err = members("page", value, func(key string, value jsontext.Value) (err error) {
		switch key {
		case "limit":
			p.Limited = true
			p.Limit, err = readLimit(value)
		case "token":
			p.Continued = true
			p.Token, err = readText("page", key, value)
		case "properties":
			_, err = readObject("page", key, value)
		}
		return err
	})
	return p, err
}

// readLimit reads an integer however it is spelled: 1e2 is one.
func readLimit(value jsontext.Value) (uint64, error) {
	if value.Kind() == '0' {
		f, err := strconv.ParseFloat(string(value), 64)
		if err == nil && f >= 0 && f <= maxLimit && f == float64(uint64(f)) {
			return uint64(f), nil
		}
	}
	return 0, errors.New("page.limit is no integer from 0 on")
}

// A Window is the part of a search's results that is answered.
type Window struct {
	Kind    Kind
	Results []Result
	// Paged is whether the answer speaks of pages. Next is then the token of the next one, ""
	// at the end, and Total how many results there are on all pages.
	Paged bool
	Next  string
	Total int
}

// errChanged is the error for a token whose place is gone.
var errChanged = errors.New("the results have changed, search again")

// Window cuts the page that is asked for out of all results of s, which are in an order that
// stays. The errors are for the caller: the token is none of ours, or is for another search,
// or the last result that the caller has got is no more.
func (p Page) Window(s *Search, all []Result) (Window, error) {
	limit, start := uint64(MaxPage), 0
	if p.Limited {
		limit = p.Limit
	}
	if p.Token != "" {
		at, err := readToken(p.Token)
		if err != nil {
			return Window{}, err
		}
		if p.Limited && p.Limit != at.limit {
			return Window{}, errors.New("page.limit is another than the token's")
		}
		limit = at.limit
		if at.search != digestOf(s, limit) {
			return Window{}, errors.New("page.token is of another search")
		}
		if start, err = at.find(all); err != nil {
			return Window{}, err
		}
	}
	w := Window{Kind: s.Kind, Results: all[start:], Paged: p.Limited || p.Continued, Total: len(all)}
	if size := min(limit, MaxPage); uint64(len(w.Results)) > size {
		w.Results, w.Paged = w.Results[:size], true
		w.Next = newPosition(s, limit, all[:start+len(w.Results)]).token()
	}
	return w, nil
}

// AppendJSON appends the answer to a search.
func (w Window) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if w.Paged {
		dst = append(dst, `"page":{"next_token":"`...)
		dst = append(dst, w.Next...) // of base64url
		dst = fmt.Appendf(dst, `","count":%d,"total":%d},`, len(w.Results), w.Total)
	}
	dst = append(dst, `"results":[`...)
	for i, r := range w.Results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.appendJSON(dst, w.Kind)
	}
	return append(dst, "]}"...)
}

// appendJSON writes type before id, and no more: enforcement points compare the text.
func (r Result) appendJSON(dst []byte, kind Kind) []byte {
	if kind == Actions {
		return append(appendText(append(dst, `{"name":`...), r.Name), '}')
	}
	dst = appendText(append(dst, `{"type":`...), r.Type)
	return append(appendText(append(dst, `,"id":`...), r.ID), '}')
}

// appendText appends a text; what is no UTF-8 in it is replaced.
func appendText(dst []byte, text string) []byte {
	// The error says that something was replaced.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
