package response

import (
	"maps"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/valyala/fasthttp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"postern/sidecar/decision"
)

// AppendCheck appends the answer of [Proxy.Check], encoded.
func (p Proxy) AppendCheck(dst []byte, a ProxyAnswer) ([]byte, error) {
	if a.Decision.Allow && a.plain() {
		return appendID(append(dst, a.Upstream.ok...), a.ID), nil
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, p.Check(a))
}

// Numbers of fields, of CheckResponse, and of Struct, its entries and Value in
// google/protobuf/struct.proto.
const (
	fieldDynamicMetadata = 4
	fieldFields          = 1
	fieldKey             = 1
	fieldValue           = 2
	fieldStringValue     = 3
)

// appendID appends the metadata that has nothing but the decision's id to a CheckResponse
// that has none.
func appendID(dst []byte, id decision.ID) []byte {
	const key = "decision_id"
	sized := func(n int) int { return 1 + protowire.SizeBytes(n) } // behind a tag of one byte
	text := id.String()
	value := sized(len(text))
	entry := sized(len(key)) + sized(value)
	fields := sized(entry)
	begin := func(field protowire.Number, length int) {
		dst = protowire.AppendTag(dst, field, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(length))
	}
	begin(fieldDynamicMetadata, fields)
	begin(fieldFields, entry)
	begin(fieldKey, len(key))
	dst = append(dst, key...)
	begin(fieldValue, value)
	begin(fieldStringValue, len(text))
	return append(dst, text...)
}

// Check answers Envoy's gRPC service. Every append_action is said: what Envoy does where
// it is not has changed with its versions.
func (p Proxy) Check(a ProxyAnswer) *authv3.CheckResponse {
	if a.Decision.Allow {
		return p.ok(a)
	}
	// Envoy takes the code for the decision, so that any final status that it knows will do.
	r := p.refuse(a, func(status int) bool {
		_, known := typev3.StatusCode_name[int32(status)]
		return known && status >= 200
	})
	denied := &authv3.DeniedHttpResponse{
		Status:  &typev3.HttpStatus{Code: typev3.StatusCode(r.status)},
		Headers: options(r.headers),
		Body:    r.body,
	}
	code := codes.PermissionDenied
	if r.status == fasthttp.StatusUnauthorized {
		code = codes.Unauthenticated
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(code)},
		HttpResponse:    &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
		DynamicMetadata: metadata(a),
	}
}

func (p Proxy) ok(a ProxyAnswer) *authv3.CheckResponse {
	set, remove := p.upstream(a)
	ok := &authv3.OkHttpResponse{
		Headers:                 options(set),
		HeadersToRemove:         remove,
		QueryParametersToRemove: a.Edits.RemoveQuery,
	}
	for _, o := range ok.Headers {
		// Of these headers Envoy 1.40 reads the older member alone, and replaces where it is not
		// set. In a denial it loses those that have it set, and joins without.
		if o.AppendAction == corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD {
			o.Append = wrapperspb.Bool(true)
		}
	}
	for _, pair := range a.Edits.ResponseHeaders {
		ok.ResponseHeadersToAdd = append(ok.ResponseHeadersToAdd, option(pair, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD))
	}
	for _, pair := range a.Edits.SetQuery {
		ok.QueryParametersToSet = append(ok.QueryParametersToSet, &corev3.QueryParameter{Key: pair.Name, Value: pair.Value})
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		HttpResponse:    &authv3.CheckResponse_OkResponse{OkResponse: ok},
		DynamicMetadata: metadata(a),
	}
}

// options set headers: the first of a name replaces what is there, and others join it.
func options(pairs []decision.Pair) []*corev3.HeaderValueOption {
	var all []*corev3.HeaderValueOption
	for i, pair := range pairs {
		action := corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
		if has(pairs[:i], pair.Name) {
			action = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
		}
		all = append(all, option(pair, action))
	}
	return all
}

// option names its header in lower case, which Envoy asks for where it validates them.
func option(pair decision.Pair, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: strings.ToLower(pair.Name), Value: pair.Value},
		AppendAction: action,
	}
}

// metadata is for Envoy's access log and later filters: the decision's id, why it denies,
// and what the policy adds, which takes the place of neither.
func metadata(a ProxyAnswer) *structpb.Struct {
	own := map[string]any{"decision_id": a.ID.String()}
	if !a.Decision.Allow {
		reasons := make([]any, len(a.Decision.Reasons))
		for i, r := range a.Decision.Reasons {
			reasons[i] = string(r.Code)
		}
		own["reasons"] = reasons
	}
	all := maps.Clone(a.Edits.Metadata)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, own)
	s, err := structpb.NewStruct(all)
	if err != nil { // [Proxy.Carries] has refused it before
		s, _ = structpb.NewStruct(own)
	}
	return s
}
