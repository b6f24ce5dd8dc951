package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"postern/sidecar/failmode"
)

// A trial is a server in some trouble, and what is asked of it then.
type trial struct {
	s *sidecar
	// The request that proxies ask about. Headers are names and values in turn.
	method, path, body string
	headers            []string
	// question is what an app asks, and evaluation what an AuthZEN client asks; where it says
	// nothing, it asks about the session.
	question, evaluation string
	// raw replaces the requests over HTTP, by the path of their door: an HTTP text with %s
	// for the target. The rest of it is awaited in vain.
	raw string
	// call replaces the gRPC call.
	call func(t *testing.T, c *grpc.ClientConn) (*authv3.CheckResponse, error)
	// over ends the trouble.
	over func()
}

// A reply is what a door answered: HTTP's status, that of a decision, and the reasons where
// the answer has them.
type reply struct {
	status, decision int
	verdict          string // AuthZEN's decision
	codes            string
	decided          bool // by a door, which counts it
}

// TestFailmodes brings about every row of the table, at every door.
func TestFailmodes(t *testing.T) {
	t.Parallel()
	for _, row := range failmode.Rows() {
		if row.Proxies != nil {
			continue // with real proxies, in package proxies
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			driver := drivers[row.Name]
			if driver == nil {
				t.Fatal("nothing drives this row")
			}
			hold(t, row, driver(t, "unavailable_status: 403"), false)
			if row.Answers.EnvoyGRPC.Unavailable != 0 {
				hold(t, row, driver(t, "unavailable_status: 503"), true)
			}
		})
	}
	for name := range drivers {
		if !slices.ContainsFunc(failmode.Rows(), func(r failmode.Row) bool { return r.Name == name }) {
			t.Errorf("%s is no row", name)
		}
	}
}

// hold asks at every door to which the row can happen, and compares.
func hold(t *testing.T, row failmode.Row, on trial, unavailable bool) {
	t.Helper()
	var doors sync.WaitGroup
	var mu sync.Mutex // guards counted
	var counted []string
	for _, door := range []struct {
		name string
		want failmode.Answer
		ask  func(*testing.T) (reply, error)
	}{
		{"check", row.Answers.Check, on.check},
		{"ext_authz_grpc", row.Answers.EnvoyGRPC, on.envoyGRPC},
		{"ext_authz_http", row.Answers.EnvoyHTTP, on.envoyHTTP},
		{"forward_auth", row.Answers.ForwardAuth, on.forwardAuth},
		{"auth_request", row.Answers.AuthRequest, on.authRequest},
		{"evaluation", row.Answers.AuthZEN, on.authZEN},
	} {
		if door.want == (failmode.Answer{}) {
			continue
		}
		doors.Go(func() {
			got, err := door.ask(t)
			if err != nil {
				t.Errorf("%s: %v", door.name, err)
				return
			}
			want := door.want.HTTP
			if unavailable && door.want.Unavailable != 0 {
				want = door.want.Unavailable
			}
			if got.status != want || got.decision != door.want.Decision || got.verdict != door.want.Verdict {
				t.Errorf("%s: %d, status %d %s, want %d, status %d %s", door.name, got.status, got.decision, got.verdict, want, door.want.Decision, door.want.Verdict)
			}
			if got.codes != "" && got.codes != string(row.Reason) {
				t.Errorf("%s: denied for %s, want %s", door.name, got.codes, row.Reason)
			}
			if allow := want == 200 && got.decision%200 == 0 && got.verdict != "false"; got.decided && !allow {
				mu.Lock()
				defer mu.Unlock()
				counted = append(counted, fmt.Sprintf("postern_denial_reasons_total{door=%q,reason=%q}", door.name, row.Reason))
			}
		})
	}
	doors.Wait()
	if on.over != nil {
		on.over()
	}
	metrics := on.s.do("GET", "admin:/metrics", "").Body
	for _, want := range counted {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func (o trial) check(t *testing.T) (reply, error) {
	if o.raw != "" {
		return o.send(t, "/v1/check")
	}
	a, err := o.s.try("POST", "/v1/check", o.question, o.headers...)
	return reply{status: a.Code, decision: a.Status, codes: a.codes(), decided: a.Header.Get("X-Decision-Id") != ""}.plain(), err
}

// plain leaves out the status in a refusal, which is no decision.
func (r reply) plain() reply {
	if r.status != 200 {
		r.decision = 0
	}
	return r
}

// authZEN asks for the permission that the other doors are asked for.
func (o trial) authZEN(t *testing.T) (reply, error) {
	const path = "/access/v1/evaluation"
	if o.raw != "" {
		return o.send(t, path)
	}
	body := o.evaluation
	if body == "" {
		token := ""
		if len(o.headers) > 0 {
			token = strings.TrimPrefix(o.headers[1], "Bearer ")
		}
		body = ofSession(token, "org:reports:read", "{}")
	}
	a, err := o.s.try("POST", path, body, append([]string{"Content-Type", "application/json"}, o.headers...)...)
	r := reply{status: a.Code, decided: a.Header.Get("X-Decision-Id") != ""}
	var answer struct{ Decision *bool }
	if json.Unmarshal([]byte(a.Body), &answer) == nil && answer.Decision != nil {
		r.verdict = fmt.Sprint(*answer.Decision)
	}
	return r, err
}

func (o trial) envoyHTTP(t *testing.T) (reply, error) {
	return o.ask(t, o.method, "/ext_authz"+o.path, "/ext_authz"+o.path, o.body, o.headers)
}

func (o trial) forwardAuth(t *testing.T) (reply, error) {
	return o.ask(t, "GET", "/forward-auth", "/forward-auth", "", append([]string{"X-Forwarded-Method", o.method, "X-Forwarded-Uri", o.path}, o.headers...))
}

func (o trial) authRequest(t *testing.T) (reply, error) {
	return o.ask(t, "GET", "/auth-request", "/auth-request", "", append([]string{"X-Original-Method", o.method, "X-Original-Uri", o.path}, o.headers...))
}

// ask asks at a door of HTTP, and wants no text.
func (o trial) ask(t *testing.T, method, target, rawTarget, body string, headers []string) (reply, error) {
	if o.raw != "" {
		return o.send(t, rawTarget)
	}
	a, err := o.s.try(method, target, body, headers...)
	if a.Body != "" {
		t.Errorf("%s: a proxy is told %q", target, a.Body)
	}
	return reply{status: a.Code, decided: a.Header.Get("X-Decision-Id") != ""}, err
}

// send sends what is raw and reads the answer.
func (o trial) send(t *testing.T, target string) (reply, error) {
	c, err := net.Dial("tcp", strings.TrimPrefix(o.s.url, "http://"))
	if err != nil {
		return reply{}, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return reply{}, err
	}
	if _, err := fmt.Fprintf(c, o.raw, target); err != nil {
		return reply{}, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if (len(text) > 0) != (strings.HasPrefix(target, "/v1/") || strings.HasPrefix(target, "/access/")) {
		t.Errorf("%s: %q", target, text)
	}
	return reply{status: res.StatusCode}, err
}

// envoyGRPC asks over gRPC, where the call must succeed whatever it decides.
func (o trial) envoyGRPC(t *testing.T) (reply, error) {
	client := o.s.connect()
	joined := map[string]string{}
	for i := 0; i < len(o.headers); i += 2 {
		name := strings.ToLower(o.headers[i])
		if before, ok := joined[name]; ok {
			joined[name] = before + "," + o.headers[i+1]
		} else {
			joined[name] = o.headers[i+1]
		}
	}
	request := envoyAsks(o.method, o.path)
	maps.Copy(request.GetAttributes().GetRequest().GetHttp().GetHeaders(), joined)
	request.GetAttributes().GetRequest().GetHttp().Body = o.body
	call := o.call
	if call == nil {
		call = func(t *testing.T, c *grpc.ClientConn) (*authv3.CheckResponse, error) {
			return authv3.NewAuthorizationClient(c).Check(soon(t), request)
		}
	}
	answer, err := call(t, client)
	if err != nil {
		return reply{}, err
	}
	if answer.GetStatus() == nil || answer.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue() == "" {
		return reply{}, fmt.Errorf("an answer without a status or an id: %v", answer)
	}
	code := codes.Code(answer.GetStatus().GetCode()) //nolint:gosec // one of a few
	if code == codes.OK {
		return reply{status: 200, decided: true}, nil
	}
	r := reply{status: int(answer.GetDeniedResponse().GetStatus().GetCode()), decided: true}
	if want := map[bool]codes.Code{true: codes.Unauthenticated, false: codes.PermissionDenied}[r.status == 401]; code != want {
		return r, fmt.Errorf("code %v with %d, want %v", code, r.status, want)
	}
	var words []string
	for _, v := range answer.GetDynamicMetadata().GetFields()["reasons"].GetListValue().GetValues() {
		words = append(words, v.GetStringValue())
	}
	r.codes = strings.Join(words, " ")
	return r, nil
}
