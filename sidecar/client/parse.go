package client

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of what the file holds.
const (
	// shortest keeps tokens from being guessed: 16 octets of base64 are 96 bits.
	shortest = 16
	longest  = 1024
	// most bounds what each request is compared with.
	most = 1000
	// mistakes bounds one message.
	mistakes = 20
)

var (
	// b64token is what a bearer token may be (RFC 6750 section 2.1).
	b64token   = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
	clientName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// parse reads the file's text, in which there may be no token. The error joins every mistake.
func parse(path, text string) (*set, error) {
	sum := sha256.Sum256([]byte(text))
	s := &set{digest: hex.EncodeToString(sum[:])}
	var errs []error
	lines := map[[sha256.Size]byte]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		name, token, err := parseLine(line)
		if err == nil && token == "" {
			continue
		}
		sum := sha256.Sum256([]byte(token))
		if first, twice := lines[sum]; err == nil && twice {
			err = fmt.Errorf("the token of line %d again", first)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, number, err))
			continue
		}
		lines[sum] = number
		s.names, s.sums = append(s.names, name), append(s.sums, sum)
	}
	switch {
	case len(errs) > mistakes:
		errs = append(errs[:mistakes:mistakes], fmt.Errorf("%s: and %d more mistakes", path, len(errs)-mistakes))
	case len(errs) > 0:
	case len(s.sums) > most:
		return nil, fmt.Errorf("%s: there are %d tokens in it, and %d may be", path, len(s.sums), most)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// parseLine reads one line; both are empty where nothing stands in it. What is wrong with it
// is said without a word of it, since any of them may be a token.
func parseLine(line string) (name, token string, err error) {
	line = strings.Trim(line, " \t\r\n")
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) != 2 {
		return "", "", fmt.Errorf("want a name and a token, not %d words", len(words))
	}
	name, token = words[0], words[1]
	switch {
	case !clientName.MatchString(name):
		return "", "", errors.New("the name is none: want up to 64 letters, digits, dots, underscores and hyphens")
	case !b64token.MatchString(token):
		return "", "", errors.New("the token has characters that no bearer token has (RFC 6750 section 2.1)")
	case len(token) < shortest:
		return "", "", fmt.Errorf("the token is shorter than %d characters: it can be guessed", shortest)
	case len(token) > longest:
		return "", "", fmt.Errorf("the token is longer than %d characters", longest)
	case compactJWT(token):
		return "", "", errors.New("the token is a JWT: whoever has a session would be a client")
	}
	return name, token, nil
}

// compactJWT reports whether a token has the form of a signed JWT, however its header is
// spaced: three parts, of which the first is base64url of what begins as an object does.
func compactJWT(token string) bool {
	header, rest, _ := strings.Cut(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(header) // as far as it is base64url
	return strings.Count(rest, ".") == 1 && strings.HasPrefix(strings.TrimLeft(string(text), " \t\r\n"), "{")
}
