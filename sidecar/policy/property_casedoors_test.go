package policy_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/request"
)

// proxiedAt is a request as a door reads it from its protocol.
func proxiedAt(t *testing.T, door decision.Door, method, target, body string, headers ...string) *request.Proxied {
	t.Helper()
	p := &request.Proxied{}
	var err error
	switch door {
	case decision.DoorExtAuthzGRPC:
		http := &authv3.AttributeContext_HttpRequest{Method: method, Path: target, Host: "app.example.com", Scheme: "https", Headers: map[string]string{}, Body: body}
		for i := 0; i < len(headers); i += 2 {
			http.Headers[strings.ToLower(headers[i])] = strings.ToValidUTF8(headers[i+1], "!")
		}
		err = request.ReadCheckRequest(p, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Source:  &authv3.AttributeContext_Peer{Principal: "spiffe://a/b", Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/x"}}}},
			Request: &authv3.AttributeContext_Request{Http: http},
		}})
	case decision.DoorExtAuthzHTTP, decision.DoorForwardAuth:
		r := &fasthttp.Request{}
		r.Header.SetHost("app.example.com")
		r.Header.SetMethod(method)
		r.SetRequestURI(request.ExtAuthzPrefix + target)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		r.SetBodyString(body)
		if door == decision.DoorExtAuthzHTTP {
			r.Header.Set("X-Envoy-Auth-Partial-Body", "false")
			err = request.ReadExtAuthz(p, r)
			break
		}
		for name, value := range map[string]string{"Method": method, "Uri": target, "Host": "app.example.com", "Proto": "https"} {
			r.Header.Set("X-Forwarded-"+name, value)
		}
		err = request.ReadForwardAuth(p, r)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", door, target, err)
	}
	return p
}
