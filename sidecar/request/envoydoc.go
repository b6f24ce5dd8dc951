package request

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// EnvoyDocument is the request as OPA-Envoy's policies read it, less what it reads of the
// query and the body: attributes, parsed_path, source_principal and version. The values
// are as package encoding/json has them, whole numbers as int64.
//
// At Envoy's gRPC door attributes are its own, whole, and request.http.headers is there also
// where Envoy sends headers as they are (encode_raw_headers), which policies seldom read. At
// the others there is only attributes.request.http, made of what the proxy says. Credentials
// are among the headers.
func (p Proxied) EnvoyDocument() map[string]any {
	document := map[string]any{
		"parsed_path": texts(strings.Split(strings.TrimLeft(p.Target.Path, "/"), "/")),
		"version":     map[string]any{"ext_authz": "v3", "encoding": "protojson"},
	}
	if p.Envoy == nil {
		document["attributes"] = map[string]any{"request": map[string]any{"http": p.envoyHTTP()}}
		return document
	}
	attributes := plainMessage(p.Envoy.ProtoReflect())
	if p.Envoy.GetRequest().GetHttp().GetHeaderMap() != nil {
		attributes["request"].(map[string]any)["http"].(map[string]any)["headers"] = p.plainHeaders()
	}
	document["attributes"] = attributes
	if principal := p.Envoy.GetSource().GetPrincipal(); principal != "" {
		document["source_principal"] = principal
	}
	return document
}

// envoyHTTP is what Envoy would say of a request that another proxy describes. What the
// proxy does not say is absent.
func (p Proxied) envoyHTTP() map[string]any {
	// Of the question, not of the request that it is about.
	but := []string{"host", "connection", "transfer-encoding"}
	if p.Body == nil {
		but = append(but, "content-length")
	}
	headers := p.plainHeaders(but...)
	http := map[string]any{"headers": headers}
	for _, said := range []struct{ name, pseudo, value string }{
		{"method", ":method", p.Method},
		{"path", ":path", p.Target.Raw},
		{"host", ":authority", p.Authority},
		{"scheme", ":scheme", p.Scheme},
	} {
		if said.value != "" {
			http[said.name], headers[said.pseudo] = said.value, said.value
		}
	}
	if p.Body != nil && len(p.Body.Raw) > 0 {
		http["size"] = int64(len(p.Body.Raw))
		if text := string(p.Body.Raw); utf8.ValidString(text) {
			http["body"] = text
		} else {
			http["rawBody"] = base64.StdEncoding.EncodeToString(p.Body.Raw)
		}
	}
	return http
}

// plainHeaders are all headers but some.
func (p Proxied) plainHeaders(but ...string) map[string]any {
	headers := map[string]any{}
	for name, value := range p.joined(func(name string) bool { return !slices.Contains(but, name) }) {
		headers[name] = value
	}
	return headers
}

// plainMessage is a message by the JSON names of its fields. It is not the JSON form of
// protocol buffers: a time is an object, octets are in base64, and what is not set is
// absent.
func plainMessage(m protoreflect.Message) map[string]any {
	if s, ok := m.Interface().(*structpb.Struct); ok {
		return s.AsMap()
	}
	object := map[string]any{}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		object[field.JSONName()] = plainField(field, v)
		return true
	})
	return object
}

func plainField(field protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch {
	case field.IsMap():
		object := map[string]any{}
		v.Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
			object[key.String()] = plainScalar(field.MapValue(), v)
			return true
		})
		return object
	case field.IsList():
		list := make([]any, v.List().Len())
		for i := range list {
			list[i] = plainScalar(field, v.List().Get(i))
		}
		return list
	default:
		return plainScalar(field, v)
	}
}

func plainScalar(field protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return plainMessage(v.Message())
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.EnumKind:
		return int64(v.Enum())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return v.Int()
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(v.Uint())
	case protoreflect.FloatKind:
		return v.Float()
	default: // bool, string, double, and the long integers
		return v.Interface()
	}
}

// texts are strings as a JSON list.
func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
