package typegen

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/format"
	"go/token"
	"strconv"
	"strings"
	"unicode"

	"postern/sidecar/model"
)

// A constant is one name of the model in Go.
type constant struct {
	kind       string
	key        string
	identifier string
}

// Go writes a package of string types with a constant for every name, and a function that
// lists them. Names that make the same identifier get a piece of their digest each, all of
// them: a constant that keeps its spelling keeps its meaning, whatever joins it later. It
// is an error if pkg is no package name, or if even that does not tell two names apart.
func Go(m *model.Model, pkg string) ([]byte, error) {
	if !token.IsIdentifier(pkg) || pkg == "_" {
		return nil, fmt.Errorf("%q is no name of a Go package", pkg)
	}
	all := vocabularyOf(m).kinds()
	names, err := identifiers(all)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n// Package %s has the names of an authorization model.\npackage %s\n", generated, pkg, pkg)
	for _, k := range all {
		writeType(&b, k, names[k.name])
	}
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("format the generated source: %w", err)
	}
	return source, nil
}

// writeType writes a type, its constants, and the list of them.
func writeType(b *strings.Builder, k kind, constants []constant) {
	fmt.Fprintf(b, "\n// %s is the key of %s.", k.name, k.what)
	if k.about != "" {
		fmt.Fprintf(b, "\n// %s", k.about)
	}
	fmt.Fprintf(b, "\ntype %s string\n", k.name)
	if len(constants) > 0 {
		b.WriteString("\nconst (\n")
		for _, c := range constants {
			if doc := k.all[c.key]; doc != "" {
				fmt.Fprintf(b, "// %s: %s\n", c.identifier, doc)
			}
			fmt.Fprintf(b, "%s %s = %s\n", c.identifier, k.name, strconv.Quote(c.key))
		}
		b.WriteString(")\n")
	}
	fmt.Fprintf(b, "\n// %s returns all of them, sorted by key.\nfunc %s() []%s {\nreturn []%s{", k.plural, k.plural, k.name, k.name)
	for _, c := range constants {
		fmt.Fprintf(b, "\n%s,", c.identifier)
	}
	if len(constants) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("}\n}\n")
}

// identifiers names every constant, by the name of its type, sorted by key. Types and
// functions have their names first: the role "set" must not become the type RoleSet.
func identifiers(all []kind) (map[string][]constant, error) {
	wanted := map[string]int{}
	for _, k := range all {
		wanted[k.name]++
		wanted[k.plural]++
		for key := range k.all {
			wanted[plain(k.name, key)]++
		}
	}
	names := map[string][]constant{}
	taken := map[string]constant{}
	for _, k := range all {
		for _, key := range k.keys() {
			c := constant{kind: k.name, key: key, identifier: plain(k.name, key)}
			if wanted[c.identifier] > 1 {
				c.identifier = told(c.identifier, key)
			}
			if other, twice := taken[c.identifier]; twice {
				return nil, fmt.Errorf("%s %q and %s %q are both %s in Go", other.kind, other.key, c.kind, c.key, c.identifier)
			}
			taken[c.identifier] = c
			names[k.name] = append(names[k.name], c)
		}
	}
	return names, nil
}

// plain is the identifier of a key where no other name wants it: the words of the key,
// each with a capital, behind the name of the type. What begins every Clerk name is left
// out.
func plain(kind, key string) string {
	rest := cmp.Or(strings.TrimPrefix(key, organizationPrefix), key)
	if kind == "SystemPermission" {
		rest = strings.TrimPrefix(rest, "sys_")
	}
	words := strings.FieldsFunc(strings.ToValidUTF8(rest, " "), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for i, word := range words {
		letters := []rune(word)
		letters[0] = unicode.ToUpper(letters[0])
		words[i] = string(letters)
	}
	return kind + strings.Join(words, "")
}

// told is an identifier that tells a key apart from all others. No [plain] one has an
// underscore.
func told(identifier, key string) string {
	digest := sha256.Sum256([]byte(key))
	return identifier + "_" + hex.EncodeToString(digest[:4])
}
