package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"postern/sidecar/outbound"
)

// An Address is where a listener listens: the two arguments of [net.Listen].
type Address struct {
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port, where the host may be empty for all interfaces and port 0
	// asks for any; or the absolute path of a socket.
	Address string
}

// maxSocketPath is what Linux leaves of sockaddr_un for a path, less its final NUL.
const maxSocketPath = 107

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// ParseAddress reads host:port, with IPv6 in brackets, or unix:// and an absolute path.
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return parseSocket(text, path)
	}
	if strings.Contains(text, "://") {
		return Address{}, fmt.Errorf("%s is no address: want host:port without a scheme, or unix:///path", show(text))
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return Address{}, fmt.Errorf("%s is no address: want host:port, with IPv6 in brackets, or unix:///path", show(text))
	}
	n, err := parseWhole(port)
	if err != nil || n > 65535 {
		return Address{}, fmt.Errorf("%s is no address: the port must be a number from 0 to 65535", show(text))
	}
	if strings.HasPrefix(text, "[") != strings.Contains(host, ":") {
		return Address{}, fmt.Errorf("%s is no address: brackets are for IPv6", show(text))
	}
	if err := checkHost(host); err != nil {
		return Address{}, fmt.Errorf("%s is no address: %w", show(text), err)
	}
	return tcp(net.JoinHostPort(host, strconv.FormatInt(n, 10))), nil
}

func parseSocket(text, rest string) (Address, error) {
	path, ok := strings.CutPrefix(rest, "//")
	if !ok || !strings.HasPrefix(path, "/") {
		return Address{}, fmt.Errorf("%s is no address: want an absolute path after unix://, so unix:///run/postern.sock", show(text))
	}
	if strings.HasSuffix(path, "/") || hasControl(path) {
		return Address{}, fmt.Errorf("%s is no address: the path must name a socket", show(text))
	}
	if len(path) > maxSocketPath {
		return Address{}, fmt.Errorf("%s is no address: a socket's path has at most %d bytes, this one %d", show(text), maxSocketPath, len(path))
	}
	return Address{Network: "unix", Address: path}, nil
}

func checkHost(host string) error {
	if host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if strings.Trim(host, "0123456789.") == "" {
		return errors.New("the host is neither an IP address nor a name")
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return errors.New("the host is neither an IP address nor a name")
	}
	return nil
}

func tcp(address string) Address { return Address{Network: "tcp", Address: address} }

// String writes a as [ParseAddress] reads it.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix://" + a.Address
	}
	return a.Address
}

// Loopback reports whether only this machine can reach a.
func (a Address) Loopback() bool {
	if a.Network == "unix" {
		return true
	}
	host, _, _ := net.SplitHostPort(a.Address)
	return outbound.Loopback(host)
}

// collides reports whether a and b cannot both be listened to.
func (a Address) collides(b Address) bool {
	if a.Network != b.Network {
		return false
	}
	if a.Network == "unix" {
		return a.Address == b.Address
	}
	hostA, portA, _ := net.SplitHostPort(a.Address)
	hostB, portB, _ := net.SplitHostPort(b.Address)
	if portA != portB || portA == "0" {
		return false
	}
	if wildcard(hostA) || wildcard(hostB) {
		return true
	}
	if strings.EqualFold(hostA, "localhost") || strings.EqualFold(hostB, "localhost") {
		return outbound.Loopback(hostA) && outbound.Loopback(hostB)
	}
	return strings.EqualFold(hostA, hostB)
}

func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
