package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// yamlEntries reads a list of mappings from the one document of a file. A file that says
// nothing approves nothing. Anchors, aliases and tags are refused: they make a file say
// more than can be read off it.
func yamlEntries(name string, text []byte) ([]entry, error) {
	root, err := yamlRoot(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if root == nil {
		return nil, nil
	}
	if err := plain(root, yaml.SequenceNode, "a list"); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, root.Line, err)
	}
	var entries []entry
	var mistakes []error
	for _, item := range root.Content {
		e := entry{where: fmt.Sprintf("%s:%d", name, item.Line)}
		if err := e.read(item); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", e.where, err))
			continue
		}
		entries = append(entries, e)
	}
	return entries, errors.Join(mistakes...)
}

// read reads one mapping of texts.
func (e *entry) read(item *yaml.Node) error {
	if err := plain(item, yaml.MappingNode, "a mapping"); err != nil {
		return err
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		if err := plain(key, yaml.ScalarNode, "a plain name"); err != nil {
			return err
		}
		err := plain(value, yaml.ScalarNode, "text")
		if err == nil && value.ShortTag() != "!!str" {
			err = errors.New("want text: put it in quotes")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", phrase.Quote(key.Value), err)
		}
		e.members = append(e.members, member{key.Value, value.Value})
	}
	return nil
}

// plain refuses a node that is of another kind, or that says more than can be read off it.
func plain(n *yaml.Node, kind yaml.Kind, want string) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return errors.New("anchors and aliases are not supported: write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("tags such as %s are not supported", phrase.Quote(n.Tag))
	case n.Kind != kind:
		return fmt.Errorf("want %s", want)
	}
	return nil
}

// yamlRoot is the root of the one document, nil for an empty one. The parser's panics
// become errors: the file is not Postern's own.
func yamlRoot(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, errors.New("the YAML parser gave up")
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	if err := dec.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); err == nil {
		return nil, errors.New("a second document follows")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" && document.Content[0].Value == "" {
		return nil, nil
	}
	return document.Content[0], nil
}

// writeYAML writes the newly allowed cells as approvals, keys in the order of a cell.
func (d *Diff) writeYAML(w io.Writer) error {
	type approval struct {
		RoleSet    string `yaml:"role_set"`
		Plan       string `yaml:"plan"`
		Role       string `yaml:"role"`
		Permission string `yaml:"permission"`
		Reason     string `yaml:"reason,omitempty"`
	}
	list := []approval{}
	for _, c := range d.Allowed {
		list = append(list, approval{c.RoleSet, c.Plan, c.Role, c.Permission, c.Approval})
	}
	text, err := yaml.Marshal(list)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
