package load

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestAlike: what Envoy would do otherwise is another answer; the decision's id is not.
func TestAlike(t *testing.T) {
	made := func(change func(*authv3.CheckResponse, *authv3.OkHttpResponse)) *authv3.CheckResponse {
		ok := &authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-postern-user", Value: "user_1"}}},
			HeadersToRemove: []string{"x-postern-org"},
		}
		r := &authv3.CheckResponse{Status: &status.Status{}, HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}
		r.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{"decision_id": structpb.NewStringValue("1")}}
		change(r, ok)
		return r
	}
	want := made(func(*authv3.CheckResponse, *authv3.OkHttpResponse) {})
	f := func(same bool, change func(*authv3.CheckResponse, *authv3.OkHttpResponse)) {
		t.Helper()
		if got := made(change); alike(got, want) != same {
			t.Errorf("alike(%v) = %t", got, !same)
		}
	}
	f(true, func(r *authv3.CheckResponse, _ *authv3.OkHttpResponse) {
		r.DynamicMetadata.Fields["decision_id"] = structpb.NewStringValue("2")
	})
	f(false, func(r *authv3.CheckResponse, _ *authv3.OkHttpResponse) { r.DynamicMetadata = nil })
	f(false, func(r *authv3.CheckResponse, _ *authv3.OkHttpResponse) { r.Status.Code = 7 })
	f(false, func(r *authv3.CheckResponse, _ *authv3.OkHttpResponse) { r.HttpResponse = nil })
	f(false, func(r *authv3.CheckResponse, _ *authv3.OkHttpResponse) {
		r.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{}}
	})
	f(false, func(_ *authv3.CheckResponse, ok *authv3.OkHttpResponse) { ok.Headers[0].Header.Value = "user_2" })
	f(false, func(_ *authv3.CheckResponse, ok *authv3.OkHttpResponse) { ok.Headers = nil })
	f(false, func(_ *authv3.CheckResponse, ok *authv3.OkHttpResponse) { ok.HeadersToRemove = nil })
	f(false, func(_ *authv3.CheckResponse, ok *authv3.OkHttpResponse) {
		ok.Headers[0].AppendAction = corev3.HeaderValueOption_ADD_IF_ABSENT
	})
}
