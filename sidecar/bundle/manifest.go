package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"postern/sidecar/model"
)

// A manifest is what a bundle says of itself in its .manifest.
type manifest struct {
	revision    string
	roots       []string
	entrypoints Entrypoints
}

// readManifest decodes and checks the manifest, all members of it.
func (p *parser) readManifest(f file) {
	if !p.readable(f) {
		return
	}
	value, err := decodeJSON(f.content, p.depth)
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
			at := positionsJSON(f.content, []memberPlace{{[]string{name}, true}})[0]
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
	default:
		err = fmt.Errorf("unknown member %s%s", quote(name),
			model.Suggest(name, slices.Values(manifestMembers)))
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
		return "", fmt.Errorf("revision %s must be printable ASCII without spaces", quote(s))
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
				return nil, fmt.Errorf("roots %s and %s overlap", quote(other), quote(all[i]))
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
			return fmt.Errorf("file_rego_versions: %s must be 1: only Rego v1 is supported", quote(pattern))
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
			return none, fmt.Errorf("unknown member %s of metadata.postern%s", quote(name), model.Suggest(name, slices.Values([]string{"entrypoints"})))
		}
	}
	if own, ok = members["entrypoints"]; !ok {
		return none, nil
	}
	return entrypoints(own)
}

func entrypoints(value any) (Entrypoints, error) {
	var e Entrypoints
	err := paths("metadata.postern.entrypoints", value, e.fields(), func(v any) error {
		return paths("metadata.postern.entrypoints.search", v, e.Search.fields(), nil)
	})
	return e, err
}

func (e *Entrypoints) fields() map[string]*string {
	return map[string]*string{"check": &e.Check, "route": &e.Route, "evaluate": &e.Evaluate}
}

func (s *Search) fields() map[string]*string {
	return map[string]*string{"subject": &s.Subject, "resource": &s.Resource, "action": &s.Action}
}

// paths reads an object of entrypoints into fields; search, if there may be one, is
// given the member of that name.
func paths(where string, value any, fields map[string]*string, search func(any) error) error {
	members, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s must be an object", where)
	}
	known := slices.Sorted(maps.Keys(fields))
	if search != nil {
		known = append(known, "search")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == "search" && search != nil {
			if err := search(members[name]); err != nil {
				return err
			}
			continue
		}
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("unknown entrypoint %s in %s%s", quote(name), where, model.Suggest(name, slices.Values(known)))
		}
		s, ok := members[name].(string)
		if !ok {
			return fmt.Errorf("%s.%s must be a string", where, name)
		}
		if err := checkEntrypoint(s); err != nil {
			return fmt.Errorf("%s.%s: %w", where, name, err)
		}
		*field = s
	}
	return nil
}

// checkEntrypoint accepts the path of a rule below data: package and rule, with slashes.
func checkEntrypoint(s string) error {
	segments := strings.Split(s, "/")
	if len(segments) < 2 || segments[0] == "data" {
		return fmt.Errorf("%s is not the path of a rule, such as postern/check/decision", quote(s))
	}
	for _, segment := range segments {
		if segment == "" || strings.ContainsFunc(segment, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			return fmt.Errorf("%s is not the path of a rule: %s is no name", quote(s), quote(segment))
		}
	}
	return nil
}

// add takes the entrypoints of another source. Two that differ are a mistake.
func (e *Entrypoints) add(other Entrypoints) error {
	for _, pair := range [][2]map[string]*string{{e.fields(), other.fields()}, {e.Search.fields(), other.Search.fields()}} {
		for _, name := range slices.Sorted(maps.Keys(pair[0])) {
			mine, theirs := pair[0][name], *pair[1][name]
			if *mine != "" && theirs != "" && *mine != theirs {
				return fmt.Errorf("entrypoint %s is %s, and %s in another source", name, quote(theirs), quote(*mine))
			}
			if theirs != "" {
				*mine = theirs
			}
		}
	}
	return nil
}
