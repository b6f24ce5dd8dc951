package bundle

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"postern/sidecar/phrase"
)

// SignaturesName is the one name and place of a bundle's signature.
const SignaturesName = ".signatures.json"

// A statement is what a signature file says. Nothing of it is true before it is verified.
type statement struct {
	token     string
	algorithm string
	keyID     string
	scope     string
	expires   int64 // Unix seconds; 0 is never
	notBefore int64
	files     map[string]opa.FileInfo
}

// statementRoom is what the JSON of a signature may be: it has four values for each of the
// files, and few others.
func statementRoom() *room { return Limits{Depth: 16, Values: 200_000}.room() }

// parseStatement reads a signature file strictly. OPA reads the same text leniently: of
// two members with one name it takes the last, also where they differ in case, and it
// does not look at the header's algorithm. What both could read differently is refused.
func parseStatement(content []byte) (*statement, error) {
	token, err := onlyToken(content)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("the signature is no compact JWT")
	}
	header, err := decodePart("header", parts[0])
	if err != nil {
		return nil, err
	}
	claims, err := decodePart("payload", parts[1])
	if err != nil {
		return nil, err
	}
	s := &statement{token: token}
	if err := s.readHeader(header); err != nil {
		return nil, fmt.Errorf("the JWT's header: %w", err)
	}
	if err := s.readClaims(claims); err != nil {
		return nil, fmt.Errorf("the JWT's payload: %w", err)
	}
	return s, nil
}

// onlyToken is the one JWT of a signature file.
func onlyToken(content []byte) (string, error) {
	value, err := decodeJSON(content, statementRoom())
	if err != nil {
		return "", err
	}
	members, ok := value.(map[string]any)
	if !ok {
		return "", errors.New("not an object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "signatures" && name != "plugin" {
			return "", fmt.Errorf("unknown member %s", phrase.Quote(name))
		}
	}
	if plugin, there := members["plugin"]; there && plugin != "" && plugin != "_default" {
		return "", errors.New("plugin is not _default: no other way of signing is known")
	}
	tokens, ok := members["signatures"].([]any)
	if !ok || len(tokens) != 1 {
		return "", errors.New("signatures must be a list of exactly one JWT")
	}
	token, ok := tokens[0].(string)
	if !ok {
		return "", errors.New("signatures must be a list of exactly one JWT")
	}
	return token, nil
}

// decodePart decodes the JSON object in a part of a JWT.
func decodePart(what, part string) (map[string]any, error) {
	if strings.ContainsAny(part, "\r\n") { // which Go's decoder skips
		return nil, fmt.Errorf("the JWT's %s is not base64url", what)
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("the JWT's %s is not base64url", what)
	}
	value, err := decodeJSON(text, statementRoom())
	if err != nil {
		return nil, fmt.Errorf("the JWT's %s: %w", what, err)
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the JWT's %s is not an object", what)
	}
	return members, nil
}

// textOf reads a member that is a string, or is not there.
func textOf(members map[string]any, name string) (string, error) {
	value, there := members[name]
	s, ok := value.(string)
	if there && !ok {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return s, nil
}

// spelled refuses members whose names differ from those known in case alone.
func spelled(members map[string]any, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return fmt.Errorf("the member %s is not %s", phrase.Quote(name), k)
			}
		}
	}
	return nil
}

func (s *statement) readHeader(members map[string]any) error {
	err := spelled(members, "alg", "kid", "crit")
	if err != nil {
		return err
	}
	if _, there := members["crit"]; there {
		return errors.New("crit names extensions, and none is known (RFC 7515 section 4.1.11)")
	}
	if s.algorithm, err = textOf(members, "alg"); err != nil {
		return err
	}
	s.keyID, err = textOf(members, "kid")
	return err
}

func (s *statement) readClaims(members map[string]any) error {
	err := spelled(members, "files", "keyid", "scope", "iat", "iss", "exp", "nbf")
	if err != nil {
		return err
	}
	keyID, err := textOf(members, "keyid")
	if err != nil {
		return err
	}
	switch {
	case s.keyID == "":
		s.keyID = keyID
	case keyID != "" && keyID != s.keyID:
		return fmt.Errorf("keyid is %s, and the header's kid %s", phrase.Quote(keyID), phrase.Quote(s.keyID))
	}
	if s.keyID == "" {
		return errors.New("neither a keyid nor, in the header, a kid: the signature does not name its key")
	}
	if s.scope, err = textOf(members, "scope"); err != nil {
		return err
	}
	if s.expires, err = instant(members, "exp"); err != nil {
		return err
	}
	if s.notBefore, err = instant(members, "nbf"); err != nil {
		return err
	}
	files, ok := members["files"].([]any)
	if !ok {
		return errors.New("files is not a list")
	}
	return s.readFiles(files)
}

// instant reads a time in Unix seconds, or 0 where there is none.
func instant(members map[string]any, name string) (int64, error) {
	const most = 253402300799 // the end of the year 9999
	value, there := members[name]
	if !there {
		return 0, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%s is not a number", name)
	}
	seconds, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || seconds <= 0 || seconds > most {
		return 0, fmt.Errorf("%s is not a time in whole Unix seconds", name)
	}
	return seconds, nil
}

// readFiles reads the list of files: each once, under the name that it has in a bundle.
func (s *statement) readFiles(list []any) error {
	s.files = make(map[string]opa.FileInfo, len(list))
	for i, element := range list {
		f, err := readFileInfo(element)
		if err != nil {
			return fmt.Errorf("files[%d]: %w", i, err)
		}
		if _, twice := s.files[f.Name]; twice {
			return fmt.Errorf("files[%d]: %s is there twice", i, f.Name)
		}
		s.files[f.Name] = f
	}
	return nil
}

func readFileInfo(element any) (opa.FileInfo, error) {
	var f opa.FileInfo
	members, ok := element.(map[string]any)
	if !ok {
		return f, errors.New("not an object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "name" && name != "hash" && name != "algorithm" {
			return f, fmt.Errorf("unknown member %s", phrase.Quote(name))
		}
	}
	for name, field := range map[string]*string{"name": &f.Name, "hash": &f.Hash, "algorithm": &f.Algorithm} {
		var err error
		if *field, err = textOf(members, name); err != nil {
			return f, err
		}
	}
	return f, checkName(f.Name)
}
