package audit

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// An event is a record as OPA's decision logs have it (EventV1 of OPA's v1/plugins/logs).
// What OPA has no name for is in custom, under its own.
type event struct {
	labels jsontext.Value
	bundle string
}

// A placed member is one of an event, by where the record's own goes.
var placed = map[string]string{
	"decision_id": "decision_id", "trace_id": "trace_id", "span_id": "span_id", "client": "requested_by", "time": "timestamp",
}

// append appends the event of a record's line.
func (e event) append(dst, line []byte) ([]byte, error) {
	members, err := membersOf(line)
	if err != nil {
		return dst, err
	}
	var result, custom, bundles, metrics, input, lists object
	var door, question jsontext.Value
	top := object{append(dst, '{')}
	top.raw("labels", e.labels)
	for i := 0; i < len(members); i += 2 {
		name, value := string(members[i]), members[i+1]
		text := value.Kind() == '"'
		switch {
		case placed[name] != "" && text:
			top.raw(placed[name], value)
		case name == "allow" || name == "status" || name == "reasons":
			result.raw(name, value)
		case name == "revision" && text:
			bundles.raw(name, value)
		case name == "duration_ns":
			metrics.raw("timer_server_handler_ns", value)
		case name == "input":
			input.raw(name, value)
		case name == "erased" || name == "masked":
			lists.raw(name, value)
		default:
			custom.raw(name, value)
		}
		switch name {
		case "door":
			door = value
		case "question":
			question = value
		}
	}
	path, batch := asked(door, question)
	top.stated("batch_decision_id", batch)
	if bundles.dst != nil {
		var named object
		named.name(quoted(e.bundle))
		named.dst = append(named.dst, bundles.closed()...)
		top.raw("bundles", named.closed())
	}
	top.stated("path", path)
	top.members(input)
	top.raw("result", result.closed())
	top.members(lists)
	if metrics.dst != nil {
		top.raw("metrics", metrics.closed())
	}
	if custom.dst != nil {
		top.raw("custom", custom.closed())
	}
	return top.closed(), nil
}

// membersOf are the names and values of an object, in turn.
func membersOf(line []byte) ([]jsontext.Value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(line))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var all []jsontext.Value
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		plain := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		all = append(all, jsontext.Value(plain), value.Clone())
	}
	return all, nil
}

// asked is the path of a document that an OPA client asked for, with the batch that it asked
// in, and else the door.
func asked(door, question jsontext.Value) (path, batch string) {
	var name string
	if json.Unmarshal(door, &name) != nil {
		return "", ""
	}
	if d := decision.Door(name); d != decision.DoorData && d != decision.DoorBatchData {
		return name, ""
	}
	var q struct {
		Path  []string `json:"path"`
		Batch string   `json:"batch_decision_id"`
	}
	if json.Unmarshal(question, &q) != nil {
		return name, ""
	}
	return strings.Join(q.Path, "/"), q.Batch
}

// raw appends a member whose value is JSON. The names are the record's own, or a mask's.
func (o *object) raw(name string, value jsontext.Value) {
	if o.dst == nil {
		o.dst = []byte{'{'}
	}
	o.name(quoted(name))
	o.dst = append(o.dst, value...)
}

// quoted is a name as it stands between its quotes.
func quoted(name string) string {
	text, _ := jsontext.AppendQuote(nil, name)
	return string(text[1 : len(text)-1])
}

// members appends all of another object's.
func (o *object) members(of object) {
	if len(of.dst) > 1 {
		o.dst = append(append(o.dst, ','), of.dst[1:]...)
	}
}

func (o *object) closed() []byte {
	if o.dst == nil {
		return []byte("{}")
	}
	return append(o.dst, '}')
}
