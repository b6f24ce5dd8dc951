package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/sidecar/model"
	"postern/sidecar/phrase"
)

// A manifest is what a bundle says of itself in its .manifest.
type manifest struct {
	revision    string
	roots       []string
	entrypoints Entrypoints
	metadata    map[string]any
}

// readManifest decodes and checks the manifest, all members of it.
func (p *parser) readManifest(f file) {
	if !p.readable(f) {
		return
	}
	value, err := decodeJSON(f.content, p.room)
	if err != nil {
		p.failWith(f, err)
		return
	}
	members, ok := value.(map[string]any)
	if !ok {
		p.fail(f, 1, 1, "the manifest must be an object")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := p.manifest.set(name, members[name]); err != nil {
			at := positionsJSON(f.content, []model.Place{{Path: []string{name}, Key: true}})[0]
			p.fail(f, at.line, at.column, err.Error())
		}
	}
}

// manifestMembers are those that OPA defines.
var manifestMembers = []string{"revision", "roots", "rego_version", "file_rego_versions", "wasm", "metadata"}

// set takes one member.
func (m *manifest) set(name string, value any) error {
	var err error
	switch name {
	case "revision":
		m.revision, err = revision(value)
	case "roots":
		m.roots, err = roots(value)
	case "rego_version":
		if value != json.Number("1") {
			err = errors.New("rego_version must be 1: only Rego v1 is supported")
		}
	case "file_rego_versions":
		err = fileVersions(value)
	case "wasm":
		if list, ok := value.([]any); !ok || len(list) > 0 {
			err = errors.New("wasm must be an empty list: WebAssembly is not supported")
		}
	case "metadata":
		m.entrypoints, err = metadata(value)
		m.metadata, _ = value.(map[string]any)
	default:
		err = fmt.Errorf("unknown member %s%s", phrase.Quote(name),
			phrase.DidYouMean(phrase.Suggest(name, manifestMembers)))
	}
	return err
}

// revision accepts what is safe as a header and a metric's label. An empty one is none.
func revision(value any) (string, error) {
	const most = 256
	s, ok := value.(string)
	switch {
	case !ok:
		return "", errors.New("revision must be a string")
	case len(s) > most:
		return "", fmt.Errorf("revision is longer than %d bytes", most)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("revision %s must be printable ASCII without spaces", phrase.Quote(s))
	}
	return s, nil
}

// roots trims slashes as OPA does, and refuses roots that overlap.
func roots(value any) ([]string, error) {
	elements, ok := value.([]any)
	if !ok {
		return nil, errors.New("roots must be a list of strings")
	}
	all := make([]string, len(elements))
	for i, e := range elements {
		s, ok := e.(string)
		if !ok {
			return nil, errors.New("roots must be a list of strings")
		}
		all[i] = strings.Trim(s, "/")
		for _, other := range all[:i] {
			if overlap(other, all[i]) {
				return nil, fmt.Errorf("roots %s and %s overlap", phrase.Quote(other), phrase.Quote(all[i]))
			}
		}
	}
	return all, nil
}

func fileVersions(value any) error {
	members, ok := value.(map[string]any)
	if !ok {
		return errors.New("file_rego_versions must be an object")
	}
	for _, pattern := range slices.Sorted(maps.Keys(members)) {
		if members[pattern] != json.Number("1") {
			return fmt.Errorf("file_rego_versions: %s must be 1: only Rego v1 is supported", phrase.Quote(pattern))
		}
	}
	return nil
}

// metadata reads metadata.postern, and leaves the members of others alone.
func metadata(value any) (Entrypoints, error) {
	var none Entrypoints
	members, ok := value.(map[string]any)
	if !ok {
		return none, errors.New("metadata must be an object")
	}
	own, ok := members["postern"]
	if !ok {
		return none, nil
	}
	members, ok = own.(map[string]any)
	if !ok {
		return none, errors.New("metadata.postern must be an object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "entrypoints" {
			return none, fmt.Errorf("unknown member %s of metadata.postern%s", phrase.Quote(name), phrase.DidYouMean(phrase.Suggest(name, []string{"entrypoints"})))
		}
	}
	if own, ok = members["entrypoints"]; !ok {
		return none, nil
	}
	return entrypoints(own)
}
