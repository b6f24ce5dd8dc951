package proxies

import (
	"strings"
	"testing"

	"postern/sidecar/failmode"
)

// The endpoints in Envoy's configurations.
const (
	envoyListens  = "socket_address: {address: 127.0.0.1, port_value: 8080}"
	envoyGRPC     = "socket_address: {address: 127.0.0.1, port_value: 9191}"
	envoyHTTP     = "socket_address: {address: 127.0.0.1, port_value: 8181}"
	envoyUpstream = "socket_address: {address: 127.0.0.1, port_value: 3000}"
)

// endpoint writes an address for Envoy: host:port, or unix:///path.
func endpoint(address string) string {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return "pipe: {path: " + path + "}"
	}
	host, port, _ := strings.Cut(address, ":")
	return "socket_address: {address: " + host + ", port_value: " + port + "}"
}

// envoy is a configuration of testdata/proxies with texts replaced.
func envoy(name string, replace ...string) proxy {
	p := proxy{name: name, program: "envoy", http2: true, normalises: true, refusesUnderscores: true, inTable: failmode.Envoy}
	p.start = func(t testing.TB, at addresses) string {
		address, _ := startEnvoy(t, name, at, replace...)
		return address
	}
	return p
}

// startEnvoy runs Envoy and gives its address, where it listens by then.
func startEnvoy(t testing.TB, name string, at addresses, replace ...string) (string, *process) {
	t.Helper()
	binary, listens := program(t, "envoy"), freeAddress(t)
	all := []string{envoyListens, endpoint(listens), envoyUpstream, endpoint(at.upstream)}
	if name == "envoy-grpc" {
		all = append(all, envoyGRPC, endpoint(at.grpc))
	} else {
		all = append(all, envoyHTTP, endpoint(at.http))
	}
	if !at.hasty {
		all = append(all, "timeout: 0.25s", "timeout: 15s")
	}
	path := adapted(t, t.TempDir(), name+"/envoy.yaml", append(all, replace...)...)
	p := run(t, name, binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--file-flush-interval-msec", "50")
	p.Listens(t, listens)
	return listens, p
}

func TestEnvoy_gRPC(t *testing.T) { suite(t, envoy("envoy-grpc")) }

func TestEnvoy_HTTP(t *testing.T) { suite(t, envoy("envoy-http")) }
