package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"postern/cmd/soak/world"
)

// An envoy asks as Envoy does, over one connection of gRPC that is made when it is needed.
type envoy struct {
	address string
	conn    *grpc.ClientConn
}

func (e *envoy) close() {
	if e.conn != nil {
		_ = e.conn.Close() // nothing is under way
		e.conn = nil
	}
}

// errNoAnswer: the call had no answer.
var errNoAnswer = errors.New("no answer")

// ask makes one call and judges its answer. Some calls are given up, most of
// them before there is an answer.
func (e *envoy) ask(ctx context.Context, j *judge, random *rand.Rand, s *world.Session) (string, error) {
	if e.conn == nil {
		conn, err := grpc.NewClient("passthrough:///"+e.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return "", err
		}
		e.conn = conn
	}
	wait, hasty := patience, random.IntN(20) == 0
	if hasty {
		wait = time.Duration(random.IntN(1000)) * time.Microsecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	r := pick(random, world.Routes)
	headers := map[string]string{":method": r.Method, ":path": r.Path, ":authority": "app.soak.test", ":scheme": "https"}
	if s.Token != "" {
		headers["authorization"] = "Bearer " + s.Token
	}
	request := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: r.Method, Path: r.Path, Host: "app.soak.test", Scheme: "https", Protocol: "HTTP/2", Headers: headers,
		},
	}}}
	sp := j.begin()
	got, err := authv3.NewAuthorizationClient(e.conn).Check(ctx, request)
	if err != nil && hasty {
		return "given up", nil
	}
	if err != nil {
		return "", errors.Join(errNoAnswer, err)
	}
	if hasty && got.GetStatus().GetCode() != 0 {
		return "given up", nil // Postern gives up with its caller, and denies
	}
	return j.envoyed(s, r, got, sp)
}

func (j *judge) envoyed(s *world.Session, r world.Route, got *authv3.CheckResponse, sp span) (string, error) {
	allow := got.GetStatus().GetCode() == 0
	if allow != (got.GetOkResponse() != nil) || allow == (got.GetDeniedResponse() != nil) {
		return "", fmt.Errorf("neither an allow nor a denial: %v", got)
	}
	v := verdict{allow: allow, status: 200}
	if !allow {
		v.status = int(got.GetDeniedResponse().GetStatus().GetCode())
	} else {
		user := ""
		for _, h := range got.GetOkResponse().GetHeaders() {
			if h.GetHeader().GetKey() == "x-postern-user" {
				user = h.GetHeader().GetValue() + string(h.GetHeader().GetRawValue())
			}
		}
		if err := identified(s, r, user); err != nil {
			return "", err
		}
	}
	return word(v), j.decided(j.route(s, r), sp, v)
}
