package request_test

import (
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/go-json-experiment/json"

	"postern/sidecar/request"
)

// TestProxied_Keep_octets: a body that is kept as octets, which is base64, hides no token.
func TestProxied_Keep_octets(t *testing.T) {
	f := func(body string, parts request.Parts, want string) {
		t.Helper()
		headers := map[string]string{":method": "POST", ":path": "/a", ":authority": "app.example", ":scheme": "https", "content-type": "application/json"}
		var p request.Proxied
		err := request.ReadCheckRequest(&p, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
			Http: &authv3.AttributeContext_HttpRequest{Method: "POST", Path: "/a", Host: "app.example", Scheme: "https", Protocol: "HTTP/1.1", Headers: headers, RawBody: []byte(body)},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := p.Keep(parts)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%q: %s, want %s in it", body, text, want)
		}
	}
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"
	f("\xff"+token, request.Parts{Body: true}, `"text":"[token]"`)
	f("\xfffoo", request.Parts{Body: true}, `"raw":"/2Zvbw=="`)
	f(token, request.Parts{Body: true}, `"text":"`+token+`"`) // the log finds it
	f(token, request.Parts{Envoy: true}, `[token]`)
	f("foo", request.Parts{Envoy: true}, `"Zm9v"`)
}
