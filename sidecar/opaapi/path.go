package opaapi

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Moved is where OPA redirects a target to, which is what it reads it as: without a final
// slash (301), and without empty and dot segments (307). Encoded ones are names like any
// other, and stay. It is not moved where status is 0. The target begins with prefix, and one
// that would be moved out of it is not: that is for [Names] to refuse.
func Moved(target, prefix string) (to string, status int) {
	raw, query, asked := strings.Cut(target, "?")
	cleaned := path.Clean(raw)
	if cleaned != prefix && !strings.HasPrefix(cleaned, prefix+"/") {
		return "", 0
	}
	final := strings.HasSuffix(raw, "/")
	switch {
	case cleaned == raw:
		return "", 0
	case final && cleaned+"/" == raw:
		status = 301
	default:
		status = 307
		if final {
			cleaned += "/"
		}
	}
	if plain(raw) != nil {
		return "", 0
	}
	if asked {
		cleaned += "?" + query
	}
	return cleaned, status
}

// Names are the names in the path of a document: raw is what follows /v1/data/, without a
// query. It is split before it is decoded, once, so that an encoded slash is part of a name.
func Names(raw string) ([]string, error) {
	if raw == "" {
		return nil, nil
	}
	if err := plain(raw); err != nil {
		return nil, err
	}
	var names []string
	for segment := range strings.SplitSeq(raw, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return nil, errors.New("the path has an empty segment, or a dot segment that leads out of it")
		}
		name, err := url.PathUnescape(segment)
		if err != nil {
			return nil, errors.New("the path has a percent sign that begins no escape")
		}
		if err := fit(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// plain refuses octets that no path of a URL has. Some readers cut the path there, or take a
// backslash for a slash. Text beyond ASCII is taken as it comes, but not beside an encoded
// slash, which OPA then takes for a separator.
func plain(raw string) error {
	foreign := false
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f || strings.IndexByte("\"#<>\\^`{|}", c) >= 0:
			return errors.New("the path has characters that must be percent-encoded in a URL")
		case c >= utf8.RuneSelf:
			foreign = true
		}
	}
	if foreign && strings.Contains(strings.ToLower(raw), "%2f") {
		return errors.New("the path has an encoded slash beside characters that must be encoded, too")
	}
	return nil
}

// fit refuses names that no document has.
func fit(name string) error {
	if !utf8.ValidString(name) {
		return errors.New("the path is no valid UTF-8")
	}
	if strings.ContainsRune(name, '"') || strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("a name in the path has a quote or a control character")
	}
	return nil
}
