package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

// A LogFormat is how log lines are written.
type LogFormat string

// The log formats.
const (
	JSON LogFormat = "json"
	Text LogFormat = "text"
)

// A scalar is how one value of a type is read, from the file and from settings alike.
type scalar struct {
	want  string   // what to give, for messages
	tags  []string // YAML's types that may be meant
	parse func(text string) (any, error)
}

var scalars = map[reflect.Type]scalar{
	reflect.TypeFor[string]():        {"text", []string{"!!str"}, parsing(parseText)},
	reflect.TypeFor[Part]():          {"text", []string{"!!str"}, parsing(parsePart)},
	reflect.TypeFor[bool]():          {"true or false", []string{"!!bool"}, parsing(parseBool)},
	reflect.TypeFor[int]():           {"a whole number", []string{"!!int"}, parsing(parseInt)},
	reflect.TypeFor[Size]():          {"a size such as 64KiB", []string{"!!int", "!!str"}, parsing(ParseSize)},
	reflect.TypeFor[time.Duration](): {"a duration such as 100ms", []string{"!!int", "!!str"}, parsing(parseDuration)},
	reflect.TypeFor[Address]():       {"an address, host:port or unix:///path", []string{"!!str"}, parsing(ParseAddress)},
	reflect.TypeFor[slog.Level]():    {"debug, info, warn or error", []string{"!!str"}, parsing(parseLevel)},
	reflect.TypeFor[TLSVersion]():    {"1.3 or 1.2", []string{"!!float", "!!str"}, parsing(parseTLSVersion)},
	reflect.TypeFor[LogFormat]():     {"json or text", []string{"!!str"}, parsing(parseFormat)},
	reflect.TypeFor[Stale]():         {"warn, not_ready or deny", []string{"!!str"}, parsing(parseStale)},
	reflect.TypeFor[Share]():         {"a share from 0 to 1", []string{"!!float", "!!int"}, parsing(parseShare)},
}

// parsing makes a parser's result untyped.
func parsing[T any](parse func(string) (T, error)) func(string) (any, error) {
	return func(text string) (any, error) { return parse(text) }
}

func parseText(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty: leave it out, or give it a value")
	}
	return text, nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither true nor false", show(text))
}

func parseInt(text string) (int, error) {
	n, err := parseWhole(text)
	if err == nil && int64(int(n)) != n {
		err = fmt.Errorf("%s is too large a number", show(text))
	}
	return int(n), err
}

// parseDuration reads Go's durations, without a sign and always with units.
func parseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	if strings.Trim(text, "0123456789") == "" && text != "" {
		return 0, fmt.Errorf("%s has no unit: want ms, s, m or h", show(text))
	}
	d, err := time.ParseDuration(text)
	if err != nil || text[0] < '0' || text[0] > '9' {
		return 0, fmt.Errorf("%s is no duration: want one such as 100ms, 5s or 1m30s", show(text))
	}
	return d, nil
}

func parseLevel(text string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.ToLower(level.String()) == text {
			return level, nil
		}
	}
	return 0, fmt.Errorf("%s is no level: want debug, info, warn or error", show(text))
}

func parseFormat(text string) (LogFormat, error) {
	if f := LogFormat(text); f == JSON || f == Text {
		return f, nil
	}
	return "", fmt.Errorf("%s is no format: want json or text", show(text))
}

// show quotes a value for a message: cut, without anything that may be a secret.
func show(text string) string {
	if looksSecret(text) || strings.ContainsAny(text, "\r\n") {
		return fmt.Sprintf("a value of %d bytes", len(text))
	}
	return phrase.Quote(redact(text))
}

// redact takes the user and the query out of a URL.
func redact(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	rest, _, query := strings.Cut(rest, "?")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = "…" + rest[at:]
	}
	if query {
		rest += "?…"
	}
	return scheme + "://" + rest
}

// looksSecret reports whether text is a key or a token where a path or a name belongs.
func looksSecret(text string) bool {
	for _, start := range []string{"sk_live_", "sk_test_", "eyJ"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return strings.Contains(text, "-----BEGIN")
}

func hasControl(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
}

func isURL(text string) bool { return strings.Contains(text, "://") }
