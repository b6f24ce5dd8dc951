package response

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/decision"
)

func TestProxy_Carries(t *testing.T) {
	doors := []string{string(decision.DoorForwardAuth), string(decision.DoorAuthRequest), string(decision.DoorExtAuthzHTTP), string(decision.DoorExtAuthzGRPC)}
	// f names the doors that carry it where the decision allows; denied, where it denies.
	f := func(name string, e decision.Edits, allowed, denied string) {
		t.Helper()
		for allow, want := range map[bool]string{true: allowed, false: denied} {
			var got []string
			for _, door := range doors {
				if usual.Carries(decision.Door(door), allow, e) == nil {
					got = append(got, door)
				}
			}
			if want == "all" {
				want = strings.Join(doors, " ")
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: allow %v is carried at %q, want %q", name, allow, got, want)
			}
		}
	}
	header := func(name, value string) decision.Edits {
		return decision.Edits{Headers: []decision.Pair{{Name: name, Value: value}}}
	}
	f("nothing", decision.Edits{}, "all", "all")
	f("a header", header("X-A", "a b"), "all", "all")
	f("an empty header", header("x-a", ""), "all", "all")
	f("text of another script", header("x-a", "ä"), "all", "all")
	f("removals", decision.Edits{RemoveHeaders: []string{"x-a"}}, "ext_authz_http ext_authz_grpc", "all")
	f("a query", decision.Edits{SetQuery: []decision.Pair{{Name: "a", Value: "b"}}}, "ext_authz_grpc", "all")
	f("an encoded query", decision.Edits{SetQuery: []decision.Pair{{Name: "a", Value: "%20=?"}}}, "ext_authz_grpc", "all")
	for _, bad := range []string{"1&b=2", "1#", "1 2", "1\n", "ä", "\x00"} {
		f(fmt.Sprintf("the value %q", bad), decision.Edits{SetQuery: []decision.Pair{{Name: "a", Value: bad}}}, "", "all")
		f(fmt.Sprintf("the parameter %q", bad), decision.Edits{SetQuery: []decision.Pair{{Name: bad, Value: "a"}}}, "", "all")
	}
	f("a parameter with a value in its name", decision.Edits{SetQuery: []decision.Pair{{Name: "a=b", Value: "a"}}}, "", "all")
	f("less of a query", decision.Edits{RemoveQuery: []string{"a"}}, "ext_authz_grpc", "all")
	f("metadata", decision.Edits{Metadata: map[string]any{"a": []any{1, "b", nil, true}}}, "all", "all")
	f("metadata that is none", decision.Edits{Metadata: map[string]any{"a": "\xff"}}, "forward_auth auth_request ext_authz_http", "forward_auth auth_request ext_authz_http")
	f("a header both ways", decision.Edits{Headers: []decision.Pair{{Name: "x-a"}}, ResponseHeaders: []decision.Pair{{Name: "X-A"}}}, "ext_authz_grpc", "all")

	f("a name with a space", header("x a", ""), "", "")
	f("a pseudo header", header(":path", "/"), "", "")
	f("no name", header("", "a"), "", "")
	f("a name in another script", header("x-ä", "a"), "", "")
	f("a line break", header("x-a", "a\r\nb: c"), "", "")
	f("a NUL", header("x-a", "\x00"), "", "")
	f("no UTF-8", header("x-a", "\xff"), "", "")
	f("a length", header("Content-Length", "1"), "", "")
	f("a framing header to the client", decision.Edits{ResponseHeaders: []decision.Pair{{Name: "transfer-encoding", Value: "chunked"}}}, "", "all")
	f("the decision's id", header("x-decision-id", "1"), "", "")
	f("Envoy's removals", header("x-envoy-auth-headers-to-remove", "a"), "", "")
	f("two removals in one", decision.Edits{RemoveHeaders: []string{"a,b"}}, "", "all")
	f("a query of no UTF-8", decision.Edits{RemoveQuery: []string{"\xff"}}, "", "all")

	for _, name := range []string{"x-postern-user", "X-Postern-Org", "x_postern_role", "X-Postern_Permissions", "x.postern.session"} {
		f(name, header(name, "owner"), "", "all")
		f(name+" to the client", decision.Edits{ResponseHeaders: []decision.Pair{{Name: name, Value: "a"}}}, "", "all")
		f(name+" removed", decision.Edits{RemoveHeaders: []string{name}}, "", "all")
	}
	f("a like name", header("x-postern-username", "a"), "all", "all")

	f("many headers", decision.Edits{Headers: slices.Repeat([]decision.Pair{{Name: "x-a", Value: "b"}}, 65)}, "", "")
	f("a long header", header("x-a", strings.Repeat("a", 17<<10)), "", "")
	f("many removals", decision.Edits{RemoveHeaders: slices.Repeat([]string{"x-a"}, 65)}, "", "all")
	f("a long body", decision.Edits{Body: strings.Repeat("a", 65<<10)}, "", "")
	f("a body of no UTF-8", decision.Edits{Body: "\xff"}, "", "")
}
