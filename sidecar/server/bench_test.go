package server_test

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkCheckWarm asks one question again and again over one connection.
func BenchmarkCheckWarm(b *testing.B) {
	s := start(b, standard(b, plain(b)))
	client := &fasthttp.Client{MaxConnsPerHost: 1}
	defer client.CloseIdleConnections()
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.SetRequestURI(s.url + "/v1/check")
	req.Header.SetMethod(fasthttp.MethodPost)
	req.Header.Set("Authorization", "Bearer "+sign(b, nil))
	req.SetBodyString(`{"permission":"org:reports:read"}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Do(req, res); err != nil {
			b.Fatal(err)
		}
		if string(res.Body()) != `{"allow":true,"status":200,"reasons":[]}` {
			b.Fatalf("%d %s", res.StatusCode(), res.Body())
		}
	}
}
