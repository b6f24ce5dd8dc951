package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// A textReader is a type that a setting, which has only text, can say.
type textReader interface {
	readText(values []string) error
}

func (i *Issuers) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		if i.None = n.Value == None && n.ShortTag() == "!!str"; !i.None {
			d.wrong(n, path, "want a list, or the word %s", None)
		}
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "want a list, or the word %s, not %s", None, kind(n))
		return
	}
	i.List = make([]Issuer, len(n.Content))
	for at, item := range n.Content {
		i.List[at] = DefaultIssuer()
		d.value(item, index(path, at), reflect.ValueOf(&i.List[at]).Elem())
	}
}

func (p *Parties) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		if p.Any = n.Value == anyParty && n.ShortTag() == "!!str"; !p.Any {
			d.wrong(n, path, "want a list of origins, or the word %s", anyParty)
		}
		return
	}
	var list []string
	d.list(n, path, reflect.ValueOf(&list).Elem())
	if d.blames(path) {
		return
	}
	if err := p.readText(list); err != nil {
		d.wrong(n, path, "%v", err)
	}
}

// readText takes a list of origins, or any alone.
func (p *Parties) readText(values []string) error {
	for _, v := range values {
		if v == anyParty && len(values) > 1 {
			return errors.New("any stands alone: with it, a list means nothing")
		}
	}
	if len(values) == 1 && values[0] == anyParty {
		*p = Parties{Any: true}
		return nil
	}
	*p = Parties{Origins: values}
	return nil
}

func (s *Names) read(d *decoder, n *yaml.Node, path string) {
	var list []string
	if n.Kind == yaml.ScalarNode {
		list = make([]string, 1)
		d.scalar(n, path, reflect.ValueOf(&list[0]).Elem(), scalars[reflect.TypeFor[string]()])
	} else {
		d.list(n, path, reflect.ValueOf(&list).Elem())
	}
	*s = list
}

func (c *Claims) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.MappingNode {
		c.Profile = ClaimsMapping
		d.object(n, path, reflect.ValueOf(&c.Mapping).Elem())
		return
	}
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, path, "want clerk, oidc, or a mapping of JSON pointers, not %s", kind(n))
		return
	}
	if err := c.readText([]string{n.Value}); err != nil {
		d.wrong(n, path, "%v", err)
	}
}

func (c *Claims) readText(values []string) error {
	profile := strings.Join(values, ",")
	if profile != ClaimsClerk && profile != ClaimsOIDC {
		return fmt.Errorf("%s is no claims setting: want clerk or oidc, or in the file a mapping of JSON pointers%s",
			show(profile), phrase.DidYouMean(phrase.Suggest(profile, []string{ClaimsClerk, ClaimsOIDC})))
	}
	*c = Claims{Profile: profile}
	return nil
}
