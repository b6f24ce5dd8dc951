package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"postern/sidecar/decision"
)

// edited reads what an own route entrypoint yields: what [decided] reads, or OPA-Envoy's
// object, whose allowed is a boolean. Members that OPA-Envoy does not use are ignored, and
// those that it uses only for the other answer are not looked at. What it answers with an
// error of the call is an error here, and denies.
func edited(result any) (*decision.Answer, error) {
	object, isObject := result.(map[string]any)
	_, plain := object["allow"]
	_, stated := object["allowed"]
	switch {
	case isObject && !plain && !stated:
		return nil, fmt.Errorf("%w: it has neither allowed nor allow", errShape)
	case !stated:
		return plainly(result)
	case plain:
		return nil, fmt.Errorf("%w: it has both allow and allowed", errShape)
	}
	allowed, ok := object["allowed"].(bool)
	if !ok {
		return nil, wrong("allowed", object["allowed"])
	}
	edits, err := editsOf(object, allowed)
	if err != nil {
		return nil, err
	}
	if allowed {
		return &decision.Answer{Decision: decision.Allowed(), Edits: edits}, nil
	}
	return &decision.Answer{Decision: decision.Denied(), Edits: edits}, nil
}

// editsOf reads the members that count for an allow, or for a denial. Whether a proxy can
// be told that, which no header's name and value may be, is for the response to judge.
func editsOf(object map[string]any, allowed bool) (e decision.Edits, err error) {
	var problems [8]error
	e.Headers, problems[0] = headersOf(object, "headers")
	e.Metadata, problems[1] = metadataOf(object)
	if allowed {
		e.ResponseHeaders, problems[2] = headersOf(object, "response_headers_to_add")
		e.RemoveHeaders, problems[3] = namesOf(object, "request_headers_to_remove")
		e.SetQuery, problems[4] = queryOf(object)
		e.RemoveQuery, problems[5] = namesOf(object, "query_parameters_to_remove")
	} else {
		e.Status, problems[6] = statusOf(object)
		e.Body, problems[7] = bodyOf(object)
	}
	return e, errors.Join(problems[:]...)
}

// wrong says which member is not what it should be, and not what it is: that may quote a
// request.
func wrong(name string, value any) error {
	return fmt.Errorf("%w: %s is wrong (a %T)", errShape, name, value)
}

// headersOf reads an object, or a list of them, of texts or lists of texts. Those of one
// object come in the order of their names.
func headersOf(object map[string]any, name string) ([]decision.Pair, error) {
	value, stated := object[name]
	if !stated {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []decision.Pair
	for _, item := range list {
		pairs, err := pairsOf(name, item)
		if err != nil {
			return nil, err
		}
		all = append(all, pairs...)
	}
	return all, nil
}

// pairsOf reads an object of texts or lists of texts.
func pairsOf(name string, value any) ([]decision.Pair, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrong(name, value)
	}
	var pairs []decision.Pair
	for _, key := range slices.Sorted(maps.Keys(object)) {
		list, ok := object[key].([]any)
		if !ok {
			list = []any{object[key]}
		}
		for _, item := range list {
			text, ok := item.(string)
			if !ok {
				return nil, wrong("an entry of "+name, item)
			}
			pairs = append(pairs, decision.Pair{Name: key, Value: text})
		}
	}
	return pairs, nil
}

// namesOf reads a list of texts.
func namesOf(object map[string]any, name string) ([]string, error) {
	value, stated := object[name]
	if !stated {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, wrong(name, value)
	}
	names := make([]string, len(list))
	for i, item := range list {
		if names[i], ok = item.(string); !ok {
			return nil, wrong("an entry of "+name, item)
		}
	}
	return names, nil
}

// queryOf reads an object of texts or lists of texts.
func queryOf(object map[string]any) ([]decision.Pair, error) {
	const name = "query_parameters_to_set"
	value, stated := object[name]
	if !stated {
		return nil, nil
	}
	return pairsOf(name, value)
}

func bodyOf(object map[string]any) (string, error) {
	value, stated := object["body"]
	text, ok := value.(string)
	if stated && !ok {
		return "", wrong("body", value)
	}
	return text, nil
}

// statuses are those that Envoy can send, as ranges of their codes.
var statuses = [][2]int64{
	{100, 100}, {200, 208}, {226, 226}, {300, 305}, {307, 308}, {400, 417}, {421, 424},
	{426, 426}, {428, 429}, {431, 431}, {500, 508}, {510, 511},
}

func statusOf(object map[string]any) (int, error) {
	value, stated := object["http_status"]
	if !stated {
		return 0, nil
	}
	number, _ := value.(json.Number)
	status, err := number.Int64()
	known := func(r [2]int64) bool { return r[0] <= status && status <= r[1] }
	if err != nil || !slices.ContainsFunc(statuses, known) {
		return 0, wrong("http_status", value)
	}
	return int(status), nil
}

func metadataOf(object map[string]any) (map[string]any, error) {
	value, stated := object["dynamic_metadata"]
	if !stated {
		return nil, nil
	}
	metadata, ok := value.(map[string]any)
	if !ok {
		return nil, wrong("dynamic_metadata", value)
	}
	plain, err := metadatum(metadata)
	if err != nil {
		return nil, err
	}
	return plain.(map[string]any), nil
}

// metadatum has its numbers as float64, which is what Envoy keeps.
func metadatum(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("%w: dynamic_metadata has a number that is out of range", errShape)
		}
		return f, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if out[i], err = metadatum(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if out[name], err = metadatum(member); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}
