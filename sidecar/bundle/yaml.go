package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// A nodeError is a fault at a line and column of a YAML file.
type nodeError struct {
	line, column int
	cause        string
}

func (e *nodeError) Error() string { return e.cause }

func faultf(n *yaml.Node, format string, args ...any) error {
	return &nodeError{n.Line, n.Column, fmt.Sprintf(format, args...)}
}

// decodeYAML reads one YAML document as the value that JSON would have in its place. It
// accepts the part of YAML that every reader understands alike: no anchors, aliases,
// merge keys, tags, second documents or keys that are not strings, and no plain scalars
// that are something else in YAML 1.1 than in 1.2, such as yes or 0123.
func decodeYAML(content []byte, r *room) (any, error) {
	if n := nodesAtMost(content); n > r.nodes {
		return nil, fmt.Errorf("may have %d nodes, of which each of , : ? [ { counts as two and each - as one, and the limit is %d: write it as data.json", n, r.nodes)
	}
	document, err := parseYAML(content)
	if err != nil {
		return nil, err
	}
	if err := r.take(1); err != nil {
		return nil, err
	}
	return yamlValue(document, r, r.depth)
}

// nodesAtMost is at least the number of nodes in a text of YAML, found without parsing it:
// each takes two hundred bytes. A node begins where an indicator stands (YAML 1.2.2, section
// 5.3): at most one behind a -, and two behind the others, as in ? or in [a: b]. Where an
// indicator is part of a string, this counts too many.
func nodesAtMost(content []byte) int {
	nodes := 1
	for _, c := range content {
		switch c {
		case '-':
			nodes++
		case ',', ':', '?', '[', '{':
			nodes += 2
		}
	}
	return nodes
}

// parseYAML returns the one document's content. The parser's panics become errors: the
// file is not Postern's own.
func parseYAML(content []byte) (document *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			document, err = nil, errors.New("the YAML parser gave up")
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return nil, &nodeError{1, 1, "the file is empty"}
	} else if err != nil {
		return nil, yamlFault(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, faultf(&second, "a second document follows")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlFault(err)
	}
	if len(first.Content) == 0 {
		return nil, &nodeError{1, 1, "the file is empty"}
	}
	return first.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// yamlFault takes the line out of the parser's message.
func yamlFault(err error) error {
	text := strings.TrimPrefix(cause(err), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		fmt.Sscan(m[1], &line)
		text = text[len(m[0]):]
	}
	return &nodeError{line, 1, text}
}

func yamlValue(n *yaml.Node, r *room, depth int) (any, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return nil, faultf(n, "aliases are not supported")
	case n.Anchor != "":
		return nil, faultf(n, "anchors are not supported")
	case n.Style&yaml.TaggedStyle != 0:
		return nil, faultf(n, "the tag %s is not supported", phrase.Quote(n.Tag))
	case n.Kind == yaml.ScalarNode:
		return yamlScalar(n)
	case depth == 0:
		return nil, faultf(n, "nested too deep")
	case n.Kind == yaml.MappingNode:
		return yamlMapping(n, r, depth)
	case n.Kind != yaml.SequenceNode:
		return nil, faultf(n, "neither a mapping, a sequence nor a scalar")
	}
	if err := r.take(len(n.Content)); err != nil {
		return nil, faultf(n, "%v", err)
	}
	elements := make([]any, 0, len(n.Content))
	for _, e := range n.Content {
		v, err := yamlValue(e, r, depth-1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, v)
	}
	return elements, nil
}

func yamlMapping(n *yaml.Node, r *room, depth int) (any, error) {
	if err := r.take(len(n.Content)/2 + objectValues - 1); err != nil {
		return nil, faultf(n, "%v", err)
	}
	members := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			return nil, faultf(key, "merge keys are not supported")
		}
		if key.Kind == yaml.MappingNode || key.Kind == yaml.SequenceNode {
			return nil, faultf(key, "a key is not a string")
		}
		name, err := yamlValue(key, r, 0)
		if err != nil {
			return nil, err
		}
		s, ok := name.(string)
		if !ok {
			return nil, faultf(key, "the key %s is not a string: quote it", phrase.Quote(key.Value))
		}
		if _, twice := members[s]; twice {
			return nil, faultf(key, "duplicate key %s", phrase.Quote(s))
		}
		if members[s], err = yamlValue(n.Content[i+1], r, depth-1); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// oldBooleans are booleans in YAML 1.1 and strings in 1.2.
var oldBooleans = []string{"y", "n", "yes", "no", "on", "off"}

// jsonNumber is a number as RFC 8259 section 6 spells it.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func yamlScalar(n *yaml.Node) (any, error) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&quoted != 0 {
		return n.Value, nil
	}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int", "!!float":
		if !jsonNumber.MatchString(n.Value) {
			return nil, faultf(n, "%s is not a number that JSON has: quote it, or write it in plain digits", phrase.Quote(n.Value))
		}
		if err := checkNumber(n.Value); err != nil {
			return nil, faultf(n, "%v", err)
		}
		return json.Number(n.Value), nil
	case "!!str":
		if slices.Contains(oldBooleans, strings.ToLower(n.Value)) {
			return nil, faultf(n, "%s is a boolean to some readers of YAML and a string to others: quote it, or write true or false", n.Value)
		}
		// The library takes a number that no float holds for a string.
		if jsonNumber.MatchString(n.Value) {
			if err := checkNumber(n.Value); err != nil {
				return nil, faultf(n, "%v", err)
			}
		}
		return n.Value, nil
	case "!!timestamp":
		return nil, faultf(n, "%s is a time to some readers of YAML: quote it", phrase.Quote(n.Value))
	default:
		return nil, faultf(n, "%s is of the type %s, which JSON does not have", phrase.Quote(n.Value), phrase.Quote(tag))
	}
}
