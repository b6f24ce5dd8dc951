package bundle

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

// manifestName is the one name and place of a bundle's manifest.
const manifestName = ".manifest"

// maxPath bounds a path inside a bundle, in bytes.
const maxPath = 1024

// A kind is what a file is to a bundle, by its name alone.
type kind int

const (
	ignoredFile kind = iota
	moduleFile
	testFile
	jsonData
	yamlData
	manifestFile
	signatureFile
)

// kindOf names the kind of the file at a slash path. An error is a file that must not be
// ignored, because the bundle does not mean what it seems to without it.
func kindOf(name string) (kind, error) {
	if hidden(path.Dir(name)) {
		return ignoredFile, nil
	}
	base := path.Base(name)
	switch {
	case name == manifestName:
		return manifestFile, nil
	case strings.HasSuffix(base, ".manifest"), strings.HasSuffix(base, ".manifest.pb"):
		return 0, fmt.Errorf("a bundle has one manifest, %s at its top", manifestName)
	case base == ".signatures.json":
		return 0, errors.New("the bundle is signed, and no key to verify signatures is configured")
	case base == "patch.json":
		return 0, errors.New("this is a delta bundle, which changes one that is not here")
	case base == "plan.json", base == "plan.pb":
		return 0, errors.New("query plans are not supported: build the bundle for the target rego")
	case strings.HasSuffix(base, ".wasm"):
		return 0, errors.New("WebAssembly is not supported: build the bundle for the target rego")
	case hidden(base):
		return ignoredFile, nil
	case base == "data.json":
		return jsonData, nil
	case base == "data.yaml", base == "data.yml":
		return yamlData, nil
	case strings.HasSuffix(base, "_test.rego"):
		return testFile, nil
	case strings.HasSuffix(base, ".rego"):
		return moduleFile, nil
	case strings.EqualFold(path.Ext(base), ".rego"):
		return 0, errors.New("Rego is read from files that end in .rego, in lower case")
	case misnamed(name):
		return 0, errors.New("data is read from data.json, data.yaml and data.yml alone; did you mean model/data.yaml?")
	}
	return ignoredFile, nil
}

// misnamed reports whether a file seems to be the model, or a part of it, under a name
// that is not read. A model that is ignored takes nothing away.
func misnamed(name string) bool {
	switch path.Ext(name) {
	case ".json", ".yaml", ".yml":
		top, _, below := strings.Cut(name, "/")
		return below && top == "model" || strings.TrimSuffix(name, path.Ext(name)) == "model"
	}
	return false
}

// hidden reports whether a part of a path begins with a dot. Only the manifest and the
// signatures mean anything then.
func hidden(name string) bool {
	if name == "." {
		return false
	}
	return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
}

// checkName accepts a relative slash path that means the same on every system. What it
// accepts is safe to print.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("empty name")
	case len(name) > maxPath:
		return fmt.Errorf("name %s is longer than %d bytes", phrase.Quote(name), maxPath)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %s is not valid UTF-8", phrase.Quote(name))
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("name %s has a control character in it", phrase.Quote(name))
	case strings.Contains(name, `\`):
		return fmt.Errorf("name %s has a backslash in it", phrase.Quote(name))
	case len(name) > 1 && name[1] == ':' && (name[0]|0x20) >= 'a' && (name[0]|0x20) <= 'z':
		return fmt.Errorf("name %s begins with a drive letter", phrase.Quote(name))
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("name %s is absolute", phrase.Quote(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("name %s has an empty, . or .. part", phrase.Quote(name))
		}
	}
	return nil
}

// fold makes names equal that differ in case alone, since some file systems do not
// tell them apart.
func fold(name string) string {
	return strings.ToLower(strings.ToUpper(name))
}
