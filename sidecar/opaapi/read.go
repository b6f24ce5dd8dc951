package opaapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/request"
)

// Options are the parameters of a query.
type Options struct {
	Pretty, Metrics, Instrument, Provenance, Strict bool
	// Input is that of a GET, nil where there is none.
	Input jsontext.Value
}

// ReadOptions reads a query. Unknown parameters mean nothing, as for OPA.
func ReadOptions(query string) (Options, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return Options{}, errors.New("the query cannot be read")
	}
	if err := unexplained(values); err != nil {
		return Options{}, err
	}
	o := Options{
		Pretty:     flag(values, "pretty"),
		Metrics:    flag(values, "metrics"),
		Instrument: flag(values, "instrument"),
		Provenance: flag(values, "provenance"),
		Strict:     flag(values, "strict-builtin-errors"),
	}
	inputs := values["input"]
	if len(inputs) > 1 {
		return Options{}, errors.New("input is there several times")
	}
	if len(inputs) == 1 {
		if o.Input, err = request.ReadJSON([]byte(inputs[0])); err != nil {
			return Options{}, fmt.Errorf("parameter contains malformed input document: %w", err)
		}
	}
	return o, nil
}

// unexplained refuses parameters that ask for what is not given, whichever of their values
// does.
func unexplained(values url.Values) error {
	for _, mode := range values["explain"] {
		if mode != "" && mode != "off" && mode != "false" {
			return errors.New("explain: explanations show the rules and data that nobody may read, and are not given")
		}
	}
	if flag(values, "rule_labels") {
		return errors.New("rule_labels: labels of rules are not given")
	}
	return nil
}

// A HealthQuery is what a question about health wants to know besides.
type HealthQuery struct {
	Bundles, Plugins bool
	// Excluded are the plugins that do not matter.
	Excluded []string
}

// ReadHealth reads a query. One that cannot be read wants nothing, as for OPA.
func ReadHealth(query string) HealthQuery {
	values, err := url.ParseQuery(query)
	if err != nil {
		return HealthQuery{}
	}
	return HealthQuery{
		Bundles:  flag(values, "bundle") || flag(values, "bundles"),
		Plugins:  flag(values, "plugins"),
		Excluded: values["exclude-plugin"],
	}
}

// flag reads a parameter that is true or not: true without a value, or where one of its
// values is the word.
func flag(values url.Values, name string) bool {
	all := values[name]
	if len(all) == 1 && all[0] == "" {
		return true
	}
	for _, v := range all {
		if strings.EqualFold(v, "true") {
			return true
		}
	}
	return false
}

// Body is the JSON of a request's body, unpacked: nil where there is none. A body that is
// packed into gzip may have at most limit bytes when it is unpacked.
func Body(body []byte, encoding, contentType string, limit int) (jsontext.Value, error) {
	if strings.Contains(strings.ToLower(contentType), "yaml") {
		return nil, errors.New("YAML is not read, since it can be read in several ways: send JSON")
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
	case "gzip":
		var err error
		if body, err = unpacked(body, limit); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("could not decompress the body: only gzip is known")
	}
	if len(bytes.Trim(body, " \t\r\n")) == 0 {
		return nil, nil
	}
	value, err := request.ReadJSON(body)
	if err != nil {
		return nil, fmt.Errorf("body contains malformed input document: %w", err)
	}
	return value, nil
}

func unpacked(body []byte, limit int) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("could not decompress the body: it is no gzip")
	}
	plain, err := io.ReadAll(io.LimitReader(reader, int64(limit)+1))
	if err != nil {
		return nil, errors.New("could not decompress the body: it is no whole gzip")
	}
	if len(plain) > limit {
		return nil, errors.New("request body too large: decompressed size exceeds limits.body")
	}
	return plain, nil
}

// Input is the input in the body of a POST, nil where there is none or it is null. Other
// members of the body are OPA's metadata, which nothing here reads.
func Input(body jsontext.Value) (jsontext.Value, error) {
	var input jsontext.Value
	err := members(body, "input", func(name string, value jsontext.Value) error {
		if name == "input" {
			input = value
		}
		return nil
	})
	return input, err
}

// Questions are the inputs of a batch in their order.
type Questions struct {
	Names  []string
	Inputs []jsontext.Value
	Common jsontext.Value
	// Missing is whether there was no member inputs, or null.
	Missing bool
}

// ReadBatch reads the body of a batch of at most limit inputs.
func ReadBatch(body jsontext.Value, limit int) (Questions, error) {
	q := Questions{Missing: true}
	err := members(body, "inputs, common_input", func(name string, value jsontext.Value) error {
		switch name {
		case "common_input":
			q.Common = value
		case "inputs":
			q.Missing = value == nil
			return members(value, "", func(name string, value jsontext.Value) error {
				if len(q.Names) == limit {
					return fmt.Errorf("a batch of more than %d inputs", limit)
				}
				q.Names = append(q.Names, name)
				if value == nil {
					value = jsontext.Value("null")
				}
				q.Inputs = append(q.Inputs, value)
				return nil
			})
		}
		return nil
	})
	return q, err
}

// members visits those of an object; null and nothing have none, and a null member has the
// value nil. A name that is one of known but for its case is refused: OPA takes it for the
// other.
func members(object jsontext.Value, known string, visit func(name string, value jsontext.Value) error) error {
	if object == nil || object.Kind() == 'n' {
		return nil
	}
	if object.Kind() != '{' {
		return errors.New("body contains malformed input document: it is no object")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return request.Malformed(err)
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return request.Malformed(err)
		}
		name := token.String()
		for k := range strings.SplitSeq(known, ", ") {
			if name != k && k != "" && strings.EqualFold(name, k) {
				return fmt.Errorf("body contains malformed input document: %q is not spelled %q", name, k)
			}
		}
		value, err := dec.ReadValue()
		if err != nil {
			return request.Malformed(err)
		}
		value = value.Clone()
		if value.Kind() == 'n' {
			value = nil
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	return nil
}

// Asked is a question as the decision log has it: the path by its names, and the batch that
// it is of, if any.
func Asked(names []string, batch string) jsontext.Value {
	question := struct {
		Path  []string `json:"path"`
		Batch string   `json:"batch_decision_id,omitempty"`
	}{append([]string{}, names...), batch}
	text, err := json.Marshal(question)
	if err != nil {
		panic("BUG: strings cannot be written: " + err.Error())
	}
	return text
}

// HealthInput is the input of a rule that judges the server's health.
func HealthInput(plugins map[string]string, ready bool) jsontext.Value {
	text, err := json.Marshal(map[string]any{"plugin_state": plugins, "plugins_ready": ready})
	if err != nil {
		panic("BUG: strings cannot be written: " + err.Error())
	}
	return text
}
