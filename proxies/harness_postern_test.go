package proxies

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/sidecar/server"
	"postern/testdata/harness"
)

// What tests share, by its short names.
const issuer = harness.Issuer

type (
	lines   = harness.Log
	process = harness.Process
)

var (
	sign       = harness.Sign
	write      = harness.Write
	eventually = harness.Eventually
	program    = harness.Program
	run        = harness.Start

	freeAddress = harness.FreeAddress
)

// organization are the claims of a role in an organization.
func organization(id, role string) map[string]any {
	return map[string]any{"o": map[string]any{"id": id, "rol": role}, "fea": nil, "pla": nil}
}

// A sidecar is a Postern that proxies ask.
type sidecar struct {
	http, grpc, admin string // addresses: host:port, or unix:///path
	log               *lines
	decisions         string         // the decision log's path
	server            *server.Server // nil where it is a process
	process           *process       // nil where it is in this one
	stop              func()
}

// A setting is how a Postern is run. The zero value is one for the suite's bundle.
type setting struct {
	bundle  string // its directory; the suite's where it is empty
	more    string // lines for its configuration
	grpcTLS string // the TLS of the gRPC listener; none where it is empty
	unix    bool   // HTTP and gRPC on Unix sockets
	process bool   // a process of its own, which signals reach
	strict  bool   // the deadline for policies is the usual one, not out of reach
	hasty   bool   // the proxy's own time-outs are the usual ones, not out of reach
}

// configure writes a Postern's configuration.
func configure(t testing.TB, o setting) (path string) {
	t.Helper()
	dir := t.TempDir()
	http, grpc := "127.0.0.1:0", "127.0.0.1:0"
	if o.unix {
		sockets := socketDir(t)
		http, grpc = "unix://"+sockets+"/http.sock", "unix://"+sockets+"/grpc.sock"
	}
	deadline := "policy: {deadline: 10s}"
	if o.strict {
		deadline = ""
	}
	if o.bundle == "" {
		o.bundle = suiteBundle(t)
	}
	secured := ""
	if o.grpcTLS != "" {
		secured = ", tls: " + o.grpcTLS
	}
	return write(t, dir, "postern.yaml", strings.Join([]string{
		`http: {listen: "` + http + `"}`, `grpc: {listen: "` + grpc + `"` + secured + `}`, `admin: {listen: "127.0.0.1:0"}`,
		`bundles: [{path: ` + o.bundle + `}]`,
		`issuers: [{issuer: "` + issuer + `", jwks: ` + harness.JWKS(t, dir, harness.Key()) + `, authorized_parties: any}]`,
		`watch: {settle: 20ms, poll: 5s}`, `decision_log: ` + dir + `/decisions.jsonl`,
		deadline, o.more,
	}, "\n"))
}

// startPostern runs a Postern until the test ends, and waits until it serves.
func startPostern(t testing.TB, o setting) *sidecar {
	t.Helper()
	path := configure(t, o)
	if o.process {
		return startProcess(t, path)
	}
	c := harness.Load(t, path)
	up := &sidecar{log: &lines{}, decisions: filepath.Join(filepath.Dir(path), "decisions.jsonl")}
	bound := make(chan map[string]string, 1)
	var err error
	up.server, err = server.New(server.Options{
		Config: c, Version: "test",
		Logger:  slog.New(slog.NewJSONHandler(up.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Serving: func(addresses map[string]string) { bound <- addresses },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- up.server.Run(ctx) }()
	up.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() {
		up.stop()
		if t.Failed() {
			t.Logf("Postern wrote:\n%s", harness.Tail(up.log.String(), 8000))
		}
	})
	select {
	case addresses := <-bound:
		up.http, up.grpc, up.admin = addresses["http"], addresses["grpc"], addresses["admin"]
	case err := <-ended:
		ended <- err
		t.Fatalf("Postern did not start: %v", err)
	}
	return up
}

// startProcess runs the built command.
func startProcess(t testing.TB, path string) *sidecar {
	t.Helper()
	p := run(t, "postern", postern(t), "serve", "--config", path)
	up := &sidecar{log: p.Log, decisions: filepath.Join(filepath.Dir(path), "decisions.jsonl"), process: p, stop: p.Stop}
	eventually(t, "Postern serves", func() bool {
		if p.Ended() {
			t.Fatalf("Postern ended:\n%s", p.Log)
		}
		for line := range strings.Lines(p.Log.String()) {
			var entry struct {
				Msg       string
				Addresses map[string]string
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
				up.http, up.grpc, up.admin = entry.Addresses["http"], entry.Addresses["grpc"], entry.Addresses["admin"]
				return true
			}
		}
		return false
	})
	return up
}

// binary is the built command, made once, and where it is.
var binary struct {
	once sync.Once
	dir  string
	err  error
	out  []byte
}

func postern(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "postern"); binary.err != nil {
			return
		}
		binary.out, binary.err = exec.Command("go", "build", "-o", binary.dir+"/postern", "postern/cmd/postern").CombinedOutput()
	})
	if binary.err != nil {
		t.Fatalf("build postern: %v\n%s", binary.err, binary.out)
	}
	return binary.dir + "/postern"
}

func removeBinary() {
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
}
