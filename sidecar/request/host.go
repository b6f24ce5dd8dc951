package request

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// maxHost bounds a host name (RFC 1035 section 2.3.4), in bytes.
const maxHost = 253

var errNoHost = errors.New("the host is no name or address with an optional port")

// NormalHost is the name in a Host header (RFC 9110 section 7.2) in the one spelling that
// routes are matched by: lower case, without port and final dot. Addresses of IP version
// 6 keep their brackets. What is no host is an error, and so is a port that is none.
func NormalHost(raw string) (string, error) {
	if isNormalHost(raw) {
		return raw, nil
	}
	name := raw
	if strings.HasPrefix(raw, "[") {
		end := strings.IndexByte(raw, ']')
		if end < 0 {
			return "", errNoHost
		}
		address, err := netip.ParseAddr(raw[1:end])
		if err != nil || !address.Is6() || address.Zone() != "" || !isPort(raw[end+1:]) {
			return "", errNoHost
		}
		return "[" + address.String() + "]", nil
	}
	if i := strings.IndexByte(raw, ':'); i >= 0 {
		if !isPort(raw[i:]) {
			return "", errNoHost
		}
		name = raw[:i]
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > maxHost {
		return "", errNoHost
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errNoHost
		}
	}
	return name, nil
}

// isNormalHost reports whether a host is a name in its normal form: at a glance, since most
// are.
func isNormalHost(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	before := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && before != '.':
		default:
			return false
		}
		before = c
	}
	return before != '.'
}

// isPort accepts nothing, or a colon and a port.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	port, err := strconv.ParseUint(s[1:], 10, 16)
	return s[0] == ':' && err == nil && port > 0
}
