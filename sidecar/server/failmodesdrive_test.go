package server_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"postern/sidecar/config"
)

// A driver starts a server in the trouble of a row, with one more line of configuration.
type driver func(t *testing.T, line string) trial

// guarded is a bundle with routes and a user that is revoked.
func guarded(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
routes:
  - {match: "/public/", public: true}
  - {match: "/reports/{id}", require: {permission: "org:reports:read"}}
  - {match: "/owner", require: {role: owner}}
revoked: {users: {user_9: {}}}
`)
	return dir
}

// mine is a bundle with an entrypoint of its own, whose body is what follows the name.
func mine(t testing.TB, rule string) (dir, line string) {
	t.Helper()
	dir = guarded(t)
	write(t, dir, "mine.rego", "package mine\n\nrule "+rule+"\n")
	return dir, "entrypoints: {check: mine/rule, route: mine/rule, evaluate: mine/rule}"
}

// answering is a configuration with all doors open.
func answering(t testing.TB, bundle string, more ...string) *config.Config {
	t.Helper()
	return authzen(standard(t, bundle, more...))
}

// begins is a good question by a good session, of which a driver changes what it is about.
func begins(t *testing.T, s *sidecar) trial {
	t.Helper()
	return trial{
		s: s, method: "GET", path: "/reports/7", question: `{"permission":"org:reports:read"}`,
		headers: []string{"Authorization", "Bearer " + sign(t, nil)},
	}
}

// asking is a driver whose server is well.
func asking(change func(t *testing.T, o *trial)) driver {
	return func(t *testing.T, line string) trial {
		o := begins(t, start(t, answering(t, guarded(t), line)))
		change(t, &o)
		return o
	}
}

// ruled is a driver of a policy of the bundle's own.
func ruled(rule string) driver {
	return func(t *testing.T, line string) trial {
		dir, entrypoints := mine(t, rule)
		return begins(t, start(t, answering(t, dir, line, entrypoints)))
	}
}

var drivers = map[string]driver{
	"token_missing": asking(func(_ *testing.T, o *trial) { o.headers = nil }),
	"token_bad": asking(func(t *testing.T, o *trial) {
		o.headers[1] = "Bearer " + sign(t, map[string]any{"exp": time.Now().Unix() - 60})
	}),
	"credentials_ambiguous": asking(func(t *testing.T, o *trial) {
		o.headers = append(o.headers, "Authorization", "Bearer "+sign(t, map[string]any{"sid": "sess_2"}))
	}),
	"session_revoked": asking(func(t *testing.T, o *trial) { o.headers[1] = "Bearer " + sign(t, map[string]any{"sub": "user_9"}) }),
	"role_required": func(t *testing.T, line string) trial {
		dir := guarded(t)
		write(t, dir, "deny.rego", "package postern.extend\n\ndeny contains {\"code\": \"role_required\", \"role\": \"owner\"} if input.subject.type == \"session\"\n")
		o := begins(t, start(t, answering(t, dir, line)))
		o.path, o.question = "/owner", `{"role":"owner"}`
		return o
	},
	"client_unknown": func(t *testing.T, line string) trial {
		c := answering(t, guarded(t), line)
		c.Clients.Anonymous = ""
		return begins(t, start(t, c))
	},
	"route_unlisted": asking(func(_ *testing.T, o *trial) { o.path = "/nowhere" }),
	"path_ambiguous": asking(func(_ *testing.T, o *trial) { o.path = "/public/../owner" }),
	"identity_twin":  asking(func(_ *testing.T, o *trial) { o.headers = append(o.headers, "X_Postern_User", "user_1") }),
	"request_malformed": asking(func(_ *testing.T, o *trial) {
		o.method, o.question, o.evaluation = "get", `{`, `{`
	}),
	"message_unreadable": asking(func(_ *testing.T, o *trial) { o.call = sending([]byte{0xff}) }),
	"header_long": asking(func(_ *testing.T, o *trial) {
		for i := range 300 {
			o.headers = append(o.headers, "X-"+strconv.Itoa(i), "v")
		}
	}),
	"body_long": func(t *testing.T, line string) trial {
		o := begins(t, start(t, answering(t, guarded(t), line, "limits: {body: 1KiB}")))
		o.body = strings.Repeat("a", 2000)
		o.question += strings.Repeat(" ", 2000)
		o.evaluation = strings.Repeat(" ", 2000)
		return o
	},
	"request_slow": asking(func(_ *testing.T, o *trial) {
		o.raw = "POST %s HTTP/1.1\r\nHost: a\r\nX-Slow: "
		o.call = silent
	}),
	"policy_undefined": ruled("if input.never"),
	"policy_error":     ruled(":= true if input.now\n\nrule := false if input.now"),
	"policy_shape":     ruled(`:= sprintf("%v", [input.now])`),
	"policy_timeout": func(t *testing.T, line string) trial {
		dir, entrypoints := mine(t, "if {\n\tsome i in numbers.range(1, 30000)\n\tsome j in numbers.range(1, 30000)\n\ti * j == input.now - input.now - 1\n}")
		return begins(t, start(t, answering(t, dir, line, entrypoints, "policy: {deadline: 50ms}")))
	},
	"policy_edits": ruled(`:= {"allowed": input.now > 0, "query_parameters_to_set": {"a": "b"}}`),
	"identity_long": func(t *testing.T, line string) trial {
		o := begins(t, start(t, answering(t, guarded(t), line, "limits: {token: 16KiB, header: 32KiB}")))
		o.headers[1] = "Bearer " + sign(t, map[string]any{"sub": strings.Repeat(",", 6000)})
		return o
	},
	"bundle_missing": func(t *testing.T, line string) trial {
		return begins(t, start(t, answering(t, filepath.Join(t.TempDir(), "missing"), line)))
	},
	"keys_missing": func(t *testing.T, line string) trial {
		c := answering(t, guarded(t), line)
		c.Issuers.List[0].JWKS = filepath.Join(t.TempDir(), "missing.json")
		return begins(t, start(t, c))
	},
	"overloaded": overloaded,
	"log_failing": func(t *testing.T, line string) trial {
		return begins(t, startFailing(t, answering(t, guarded(t), line)))
	},
	"log_missing": func(t *testing.T, line string) trial {
		o := begins(t, start(t, answering(t, audited(t), line)))
		o.path = "/audited"
		return o
	},
	"panic": func(t *testing.T, line string) trial {
		var armed atomic.Bool
		s := startAt(t, answering(t, guarded(t), line), func() time.Time {
			if armed.Load() {
				panic("the clock is broken")
			}
			return time.Now()
		})
		o := begins(t, s)
		o.over = func() { armed.Store(false) }
		armed.Store(true)
		return o
	},
	"bundle_broken": func(t *testing.T, line string) trial {
		dir := guarded(t)
		s := start(t, answering(t, dir, line))
		write(t, dir, "model/data.yaml", "routes: [")
		eventually(t, "the new bundle is refused", func() bool { return strings.Contains(s.log.String(), `"msg":"bundle refused","kept":true`) })
		return begins(t, s)
	},
	"keys_broken": func(t *testing.T, line string) trial {
		c := answering(t, guarded(t), line)
		s := start(t, c)
		write(t, filepath.Dir(c.Issuers.List[0].JWKS), filepath.Base(c.Issuers.List[0].JWKS), "{")
		eventually(t, "the new keys are refused", func() bool { return strings.Contains(s.log.String(), `"msg":"keys not loaded"`) })
		return begins(t, s)
	},
}

// overloaded is a server that is busy with the one request that it takes.
func overloaded(t *testing.T, line string) trial {
	s := startBusy(t, answering(t, guarded(t), line, "limits: {concurrency: 1}"))
	o := begins(t, s.sidecar)
	s.occupy(func() { _, _ = s.try("POST", "/v1/check", o.question, o.headers...) })
	o.over = s.release
	return o
}

// sending calls with a message as it is.
func sending(message []byte) func(*testing.T, *grpc.ClientConn) (*authv3.CheckResponse, error) {
	return func(t *testing.T, c *grpc.ClientConn) (*authv3.CheckResponse, error) {
		var answer authv3.CheckResponse
		err := c.Invoke(soon(t), checkMethod, message, &answer, grpc.ForceCodec(asIs{}))
		return &answer, err
	}
}

// silent calls and sends no message.
func silent(t *testing.T, c *grpc.ClientConn) (*authv3.CheckResponse, error) {
	stream, err := c.NewStream(soon(t), &grpc.StreamDesc{ClientStreams: true}, checkMethod)
	if err != nil {
		return nil, err
	}
	var answer authv3.CheckResponse
	return &answer, stream.RecvMsg(&answer)
}

// asIs is a codec that writes bytes and reads messages.
type asIs struct{}

func (asIs) Name() string { return "proto" }

func (asIs) Marshal(v any) ([]byte, error) {
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	return nil, errors.New("not bytes")
}

func (asIs) Unmarshal(b []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return errors.New("no message")
	}
	return proto.Unmarshal(b, m)
}
