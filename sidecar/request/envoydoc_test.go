package request_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/anypb"

	"postern/sidecar/decision"
	"postern/sidecar/request"
)

func inJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProxied_EnvoyDocument is about what the cases of OPA-Envoy's policies do not have: the
// doors of other proxies, and messages of any kind.
func TestProxied_EnvoyDocument(t *testing.T) {
	target, err := request.ParseTarget("/a%20b/?x=1")
	if err != nil {
		t.Fatal(err)
	}
	p := request.Proxied{Door: decision.DoorForwardAuth, Method: "PUT", Scheme: "https", Host: "app.example", Authority: "App.Example:443", Target: target}
	for _, field := range []string{
		"Authorization: Bearer x", "X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2", "X-Bad: \xff",
		"Host: postern.internal", "Connection: close", "Content-Length: 0", "Transfer-Encoding: chunked",
	} {
		name, value, _ := strings.Cut(field, ": ")
		p = p.WithField(name, value)
	}
	f := func(p request.Proxied, want string) {
		t.Helper()
		if got := inJSON(t, p.EnvoyDocument()); got != want {
			t.Errorf("EnvoyDocument() =\n%s\nwant\n%s", got, want)
		}
	}
	const head = `{"attributes":{"request":{"http":{`
	const headers = `"headers":{":authority":"App.Example:443",":method":"PUT",":path":"/a%20b/?x=1",":scheme":"https","authorization":"Bearer x","cookie":"a=1; b=2","x-a":"1,2","x-bad":"!"}`
	const tail = `,"host":"App.Example:443","method":"PUT","path":"/a%20b/?x=1","scheme":"https"}}},"parsed_path":["a b",""],"version":{"encoding":"protojson","ext_authz":"v3"}}`
	f(p, head+headers+tail)
	p.Body = &request.Body{Raw: []byte("text")}
	f(p, head+`"body":"text",`+strings.Replace(headers, `"cookie"`, `"content-length":"0","cookie"`, 1)+strings.Replace(tail, `}}}`, `,"size":4}}}`, 1))
	p.Body = &request.Body{Raw: []byte("\xff")}
	if got := inJSON(t, p.EnvoyDocument()); !strings.Contains(got, `"rawBody":"/w=="`) || strings.Contains(got, `"body":`) {
		t.Errorf("a body of octets: %s", got)
	}
	f(request.Proxied{Target: request.Target{Path: "/", Raw: "/"}}, head+`"headers":{":path":"/"},"path":"/"}}},"parsed_path":[""],"version":{"encoding":"protojson","ext_authz":"v3"}}`)

	typed, err := anypb.New(&corev3.Pipe{Path: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	f(request.Proxied{Target: request.Target{Path: "/"}, Envoy: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{
			Principal: "me",
			Address:   &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Protocol: corev3.SocketAddress_UDP}}},
		},
		MetadataContext: &corev3.Metadata{TypedFilterMetadata: map[string]*anypb.Any{"n": typed}},
	}}, `{"attributes":{"metadataContext":{"typedFilterMetadata":{"n":{"typeUrl":"type.googleapis.com/envoy.config.core.v3.Pipe","value":"CgIvcA=="}}},`+
		`"source":{"address":{"socketAddress":{"protocol":1}},"principal":"me"}},"parsed_path":[""],"source_principal":"me","version":{"encoding":"protojson","ext_authz":"v3"}}`)
}

func TestProxied_Content(t *testing.T) {
	const multipart = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
	f := func(mediaType, body, want string) {
		t.Helper()
		p := request.Proxied{Method: "GET", Body: &request.Body{Raw: []byte(body)}}
		if mediaType != "" {
			p = p.WithField("Content-Type", mediaType)
		}
		content, err := p.Content()
		got := "error"
		switch {
		case err == nil && content.Unread:
			got = "unread"
		case err == nil:
			if raw, ok := content.Value.(jsontext.Value); ok {
				got = string(raw)
			} else {
				got = inJSON(t, content.Value)
			}
		}
		if got != want {
			t.Errorf("Content() of %s %q = %s, %v; want %s", mediaType, body, got, err, want)
		}
	}
	for _, mediaType := range []string{"application/json", "Application/JSON", "application/json;charset=utf-8", "text/x, application/json"} {
		f(mediaType, ` {"a": [1, 2.50, "\u00e4"]}`, `{"a": [1, 2.50, "\u00e4"]}`)
	}
	for _, bad := range []string{
		"{", "{} {}", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "\"\xff\"", `"\ud800"`, "1e999", "1e-999", strings.Repeat("1", 100),
		strings.Repeat("[", 100) + strings.Repeat("]", 100), "[1,]", "NaN", " ", "\ufeff{}",
	} {
		f("application/json", bad, "error")
	}
	f("application/x-www-form-urlencoded", "a=1&a=+&b", `{"a":["1"," "],"b":[""]}`)
	for _, bad := range []string{"a=%zz", "a=1;b=2", "a=%ff", "%ff=1"} {
		f("application/x-www-form-urlencoded", bad, "error")
	}
	f("multipart/form-data; boundary=x", multipart+"--x--", `{"a":["1"]}`)
	f("Multipart/Form-Data; boundary=x", multipart+"--x--", `{"a":["1"]}`)
	f("multipart/form-data", multipart+"--x--", "unread")
	f("multipart/form-data; boundary", multipart+"--x--", "error")
	f("multipart/form-data; boundary=x", multipart, "error")
	f("multipart/form-data; boundary=x", "nonsense", "error")
	f("multipart/form-data; boundary=x", "", "null")
	f("multipart/form-data; boundary=x", strings.Repeat(multipart, 2000)+"--x--", "error")
	f("multipart/form-data; boundary=x", strings.Replace(multipart, "\r\n\r\n1", "\r\nContent-Type: application/json\r\n\r\n{\"k\":1,\"k\":2}", 1)+"--x--", "error")
	f("multipart/form-data; boundary=x", strings.Replace(multipart, "\r\n\r\n1", "\r\nContent-Type: application/json\r\n\r\n{\"k\":1}", 1)+"--x--", `{"a":[{"k":1}]}`)
	f("text/plain", "{}", "unread")
	f("application/grpc", "{}", "unread")
	f("", "{}", "unread")
}

// TestProxied_Content_absent: no body is nothing to read, and one that should be there and is
// not is not read.
func TestProxied_Content_absent(t *testing.T) {
	door, method := decision.DoorExtAuthzGRPC, "GET"
	f := func(body *request.Body, header string, unread, truncated bool) {
		t.Helper()
		p := request.Proxied{Door: door, Method: method, Body: body}.WithField("Content-Type", "application/json")
		if name, value, ok := strings.Cut(header, ": "); ok {
			p = p.WithField(name, value)
		}
		content, err := p.Content()
		if err != nil || content.Value != nil || content.Unread != unread || content.Truncated != truncated {
			t.Errorf("Content() of %+v with %q = %+v, %v; want unread %v, truncated %v", body, header, content, err, unread, truncated)
		}
	}
	f(nil, "", false, false)
	f(nil, "Content-Length: 0", false, false)
	f(&request.Body{}, "", false, false)
	f(nil, "Content-Length: 7", true, false)
	f(nil, "Content-Length: x", true, false)
	f(nil, "Transfer-Encoding: chunked", true, false)
	f(&request.Body{Partial: true}, "", true, true)
	f(&request.Body{Raw: []byte("{}"), Partial: true}, "", true, true)
	// What a POST without a body is, only Envoy can say, or its own length.
	method = "POST"
	f(nil, "", true, false)
	f(nil, "Content-Length: 0", false, false)
	f(nil, "X-Envoy-Auth-Partial-Body: false", false, false)
	f(nil, "X-Envoy-Auth-Partial-Body: true", true, false)
	for _, door = range []decision.Door{decision.DoorForwardAuth, decision.DoorAuthRequest, decision.DoorExtAuthzHTTP} {
		method = "POST"
		f(nil, "Content-Length: 0", true, false)
		f(nil, "Content-Length: 1", true, false)
		method = "DELETE"
		f(nil, "Content-Length: 0", false, false)
		f(nil, "Content-Length: 1", true, false)
		f(nil, "Transfer-Encoding: chunked", door != decision.DoorExtAuthzHTTP, false)
		// Only Envoy drops a client's own word.
		method = "POST"
		f(nil, "X-Envoy-Auth-Partial-Body: false", door != decision.DoorExtAuthzHTTP, false)
	}
}

// TestProxied_Content_twoReadings: a body that an upstream may read as something else than
// policy does is not read.
func TestProxied_Content_twoReadings(t *testing.T) {
	f := func(ok bool, body string, headers ...string) {
		t.Helper()
		p := request.Proxied{Body: &request.Body{Raw: []byte(body)}}
		for i := 0; i < len(headers); i += 2 {
			p = p.WithField(headers[i], headers[i+1])
		}
		if content, err := p.Content(); (err == nil) != ok {
			t.Errorf("Content() of %q %q = %+v, %v; want it read: %v", headers, body, content, err, ok)
		}
	}
	const (
		mediaType, encoding   = "Content-Type", "Content-Encoding"
		object, form          = `{"a":"&admin=1&"}`, "a=1"
		formType, partsType   = "application/x-www-form-urlencoded", "multipart/form-data"
		part, admin, last, nl = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", "--x\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1\r\n", "--x--", "\r\n"
	)
	// Two media types, of which each reader takes another.
	f(false, object, mediaType, formType+`; x="application/json"`)
	f(false, object, mediaType, formType+", application/json")
	f(false, object, mediaType, "application/json, "+formType)
	f(false, object, mediaType, formType, mediaType, "application/json")
	f(false, "{}", mediaType, "application/vnd.api+json; x="+formType)
	f(false, part+last, mediaType, partsType+`; boundary="`+formType+`"`)
	f(false, part+last, mediaType, "multipart/mixed; x=multipart/form-data; boundary=x")
	// Another coding or character set.
	f(true, "{}", mediaType, "application/json", encoding, "identity")
	f(false, form, mediaType, formType, encoding, "deflate")
	f(false, "8", mediaType, "application/json", encoding, "br")
	f(true, "{}", mediaType, `application/json; charset="UTF-8"`)
	f(false, `{"a":"+ACI-"}`, mediaType, "application/json; charset=utf-7")
	f(false, `{"a":"+ACI-"}`, mediaType, "application/json; charset*=utf-8''utf-7")
	f(false, `{"a":"+ACI-"}`, mediaType, "application/json; charset=utf-8; charset=utf-7")
	// Parts that are more to some readers.
	parts := func(ok bool, body string) {
		t.Helper()
		f(ok, body, mediaType, partsType+"; boundary=x")
	}
	parts(true, part+admin+last)
	parts(true, part+admin+last+nl)
	parts(true, "--x\r\nContent-Disposition: form-data; filename=\"only\"\r\n\r\n1\r\n"+last)
	parts(true, "--x\r\nContent-Disposition: form-data; name=a; filename*=utf-8''b\r\n\r\n1\r\n"+last)
	parts(false, strings.Replace(part, "1\r\n", "1\n"+strings.ReplaceAll(admin, nl, "\n"), 1)+nl+last)
	parts(false, part+last+nl+admin+last)
	parts(false, strings.ReplaceAll(part+last, nl, "\n"))
	parts(false, "\n"+admin+part+last)
	for _, disposition := range []string{
		`form-data; name="admin"; name="a"`, `form-data; name="admin"; name*=utf-8''a`, `form-data; name="ad\min"`, `form-data; name='admin'`,
		`form-data; name*0=ad; name*1=min`, `attachment; name="admin"`, "form-data; name=admin\r\nContent-Disposition: form-data; name=a", "form-data; name=a b",
		"form-data; name=a\r\nContent-Transfer-Encoding: base64", "form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable",
		"form-data; name=a\r\nContent-Type: application/json; charset=utf-7", "form-data; name=a\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: base64",
	} {
		parts(false, "--x\r\nContent-Disposition: "+disposition+"\r\n\r\n1\r\n"+last)
	}
	// Quotes that end elsewhere.
	parts(true, "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"it's; name=b\"\r\n\r\n1\r\n"+last)
	for _, disposition := range []string{`filename="b\"; name=admin; x="; name=a`, `x='; name=admin; y='`, `name=a; filename=it's`} {
		parts(false, "--x\r\nContent-Disposition: form-data; "+disposition+"\r\n\r\n1\r\n"+last)
	}
	f(false, part+last, mediaType, partsType+`; x="boundary=y; "; boundary=x`)
	for _, boundary := range []string{"----WebKitFormBoundary7MA4YWxkTrZu0gW", "----geckoformboundary1f2e3d"} { // browsers'
		f(true, strings.ReplaceAll(part+admin+last, "--x", "--"+boundary), mediaType, partsType+"; boundary="+boundary)
	}
	// Headers in lines of other kinds, and parts that are none of a form.
	for _, headers := range []string{
		"Content-Disposition: form-data; name=admin\n\nb", "X: y\nContent-Disposition: form-data; name=admin",
		"Content-Disposition: form-data;\r\n name=admin", "Content-Disposition: form-data; name=\"ad\r\n min\"",
		"Content-Disposition : form-data; name=admin", "Content_Disposition: form-data; name=admin", "X: y",
	} {
		parts(false, "--x\r\n"+headers+"\r\n\r\n1\r\n"+last)
	}
	parts(false, "--x\r\n\r\n1\r\n"+last)
	parts(false, "--x\r\n"+last)
	parts(false, part+strings.Replace(admin, "--x", "--x ", 1)+last)
	f(false, strings.ReplaceAll(part+last, "--x", "--y"), mediaType, partsType+"; boundary=x; boundary*=utf-8''y")
	f(false, strings.ReplaceAll(part+last, "--x", "--x "), mediaType, partsType+`; boundary="x "`)
}

// FuzzProxied_Content: whatever a body is, it is read or refused, and JSON that is read has
// one reading.
func FuzzProxied_Content(f *testing.F) {
	f.Add("application/json", `{"a":[1,{"b":null}]}`)
	f.Add("application/json", `{"a":1,"a":2}`)
	f.Add("application/x-www-form-urlencoded", "a=1&b=%20")
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--")
	f.Fuzz(func(t *testing.T, mediaType, body string) {
		p := request.Proxied{Body: &request.Body{Raw: []byte(body)}}.WithField("Content-Type", mediaType)
		content, err := p.Content()
		if err != nil || content.Value == nil {
			return
		}
		if content.Unread || content.Truncated {
			t.Errorf("Content() = %+v: read, and not", content)
		}
		if raw, ok := content.Value.(jsontext.Value); ok && !json.Valid(raw) {
			t.Errorf("Content() of %q is no JSON: %q", body, raw)
		}
	})
}
