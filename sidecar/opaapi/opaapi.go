// Package opaapi is the messages of OPA's REST API, and of Enterprise OPA's batches: what
// is asked, and how it is answered. It evaluates nothing and knows no transport. Where
// OPA's reader takes what can be read in two ways, this one refuses it.
package opaapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The codes of errors.
const (
	CodeInternal          = "internal_error"
	CodeInvalidParameter  = "invalid_parameter"
	CodeUnauthorized      = "unauthorized"
	CodeUndefinedDocument = "undefined_document"
	CodeResourceNotFound  = "resource_not_found"
	CodeInvalidOperation  = "invalid_operation"
)

// An Error is the body of whatever is no success.
type Error struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Errors  []Detail `json:"errors,omitempty"`
}

// A Detail is one error of an evaluation.
type Detail struct {
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Location *Location `json:"location,omitempty"`
}

// A Location is a place in the policy.
type Location struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	Col  int    `json:"col"`
}

// A Warning is about the request.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// missing warns that a member of the request is not there.
func missing(name string) *Warning {
	return &Warning{Code: "api_usage_warning", Message: fmt.Sprintf("'%s' key missing from the request", name)}
}

// InputMissing warns of a POST without an input, InputsMissing of a batch without inputs.
func InputMissing() *Warning  { return missing("input") }
func InputsMissing() *Warning { return missing("inputs") }

// Provenance is what decided. The members about the build are OPA's own, and empty.
type Provenance struct {
	Version        string            `json:"version"`
	BuildCommit    string            `json:"build_commit"`
	BuildTimestamp string            `json:"build_timestamp"`
	BuildHostname  string            `json:"build_hostname"`
	Bundles        map[string]Bundle `json:"bundles"`
}

// A Bundle is what is said of one.
type Bundle struct {
	Revision string `json:"revision"`
}

// An Answer is that of the Data API. Result is nil where the document is undefined.
type Answer struct {
	DecisionID string          `json:"decision_id,omitempty"`
	Provenance *Provenance     `json:"provenance,omitempty"`
	Metrics    map[string]any  `json:"metrics,omitempty"`
	Result     json.RawMessage `json:"result,omitempty"`
	Warning    *Warning        `json:"warning,omitempty"`
}

// A Batch is the answer to several questions, by their names.
type Batch struct {
	Metrics    map[string]any  `json:"metrics,omitempty"`
	Responses  map[string]Item `json:"responses,omitempty"`
	Warning    *Warning        `json:"warning,omitempty"`
	DecisionID string          `json:"batch_decision_id,omitempty"`
}

// An Item is one answer of a batch: an error where Code is set. Status is there only in a
// batch that has both.
type Item struct {
	Answer
	Status  string   `json:"http_status_code,omitempty"`
	Code    string   `json:"code,omitempty"`
	Message string   `json:"message,omitempty"`
	Errors  []Detail `json:"errors,omitempty"`
}

// The statuses of a batch.
const (
	statusOK    = 200
	statusMixed = 207
	statusError = 500
)

// Close states each item's own status where they differ, and returns that of the batch.
func (b *Batch) Close() (status int) {
	failed := 0
	for _, item := range b.Responses {
		if item.Code != "" {
			failed++
		}
	}
	switch {
	case failed == 0:
		return statusOK
	case failed == len(b.Responses):
		return statusError
	}
	for name, item := range b.Responses {
		item.Status = fmt.Sprint(statusOK)
		if item.Code != "" {
			item.Status = fmt.Sprint(statusError)
		}
		b.Responses[name] = item
	}
	return statusMixed
}

// A Health is the answer of the health API: empty where all is well.
type Health struct {
	Error string `json:"error,omitempty"`
}

// longestPretty is the length, in bytes, up to which an answer is written with indents. A
// deep document takes many times as much with them, and nobody reads one of this length.
const longestPretty = 4 << 20

// Render is a message as OPA writes it: on one line, or with indents, and a line's end. One
// that would be very long with indents has none.
func Render(message any, pretty bool) ([]byte, error) {
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	if !pretty || indented(text) > longestPretty {
		return append(text, '\n'), nil
	}
	var spread bytes.Buffer
	if err := json.Indent(&spread, text, "", "  "); err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	spread.WriteByte('\n')
	return spread.Bytes(), nil
}

// indented is about how long JSON is with indents, and never less.
func indented(text []byte) int {
	n, depth, quoted := len(text), 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
			n += 1 + 2*depth
		case c == '}', c == ']':
			depth--
			n += 1 + 2*depth
		case c == ',':
			n += 1 + 2*depth
		case c == ':':
			n++
		}
	}
	return n
}
