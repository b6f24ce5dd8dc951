package server_test

import "strings"

// An opaCall is asked of OPA and of Postern. Where the answers differ on purpose, differs
// says why, and status and code are Postern's.
type opaCall struct {
	call
	differs string
	status  int
	code    string
}

// Why answers differ.
const (
	strictJSON = "what can be read in two ways is refused: duplicate names, bad UTF-8, trailing data, names in another case"
	bounded    = "nesting, numbers, and paths have bounds"
	ownWords   = "the message about what is malformed is our own; status and code are OPA's"
	ownFault   = "OPA answers 500 for a path that nobody can read, which is the client's fault"
	noControls = "control characters in a path are refused"
	oneReading = "OPA reads an encoded slash beside text beyond ASCII as a separator"
	notServed  = "the endpoint is not answered"
	readOnly   = "policies and data come from the bundle"
	noTrace    = "explanations and labels would show what may not be read"
	jsonErrors = "every error is a JSON document of OPA's form"
	onlyJSON   = "YAML can be read in several ways"
	ownState   = "OPA keeps its own state at data.system"
	ownPlugins = "what OPA's bundle plugin says of bundles from a service holds of every bundle here"
)

const invalid = "invalid_parameter"

func opaGet(target string) call { return call{method: "GET", target: target} }

func opaPost(target, body string) call { return call{method: "POST", target: target, body: body} }

// opaCalls are the requests of the comparison.
func opaCalls() []opaCall {
	var all []opaCall
	same := func(calls ...call) {
		for _, c := range calls {
			all = append(all, opaCall{call: c})
		}
	}
	other := func(why string, status int, code string, calls ...call) {
		for _, c := range calls {
			all = append(all, opaCall{c, why, status, code})
		}
	}
	opaDocuments(same)
	opaPaths(same, other)
	opaBodies(same, other)
	opaParameters(same, other)
	opaEndpoints(same, other)
	return all
}

type (
	sameAnswer  = func(calls ...call)
	otherAnswer = func(why string, status int, code string, calls ...call)
)

// opaDocuments are documents of every kind.
func opaDocuments(same sameAnswer) {
	for _, name := range []string{
		"allow", "decision", "greeting", "flag", "big", "exponent", "kinds", "keys", "number", "divided", "members", "names", "nested", "nested/deeply",
		"nested/deeply/here", "nested/deeply/here/more", "nothing", "no", "echo", "absent", "given", "sub", "sub/inner", "unknown", "keys/1", "keys/true", "kinds/set/1", "kinds/list/1/0", "twice",
	} {
		same(opaGet("/v1/data/app/"+name), opaPost("/v1/data/app/"+name, `{"input": {"user": "alice", "n": "7", "m": {"a": 1, "b": {"c": null}}}}`),
			opaPost("/v0/data/app/"+name, `{"user": "bob"}`))
	}
	for _, name := range []string{"list", "list/0", "list/1/b/1", "list/2", "list/-1", "list/x", "1", "number", "cents", "exp", "__proto__", "__proto__/admin", "empty", "none", "deep/a/b/c/0/0/0", "if", "long", "constructor"} {
		same(opaGet("/v1/data/records/"+name), opaPost("/v0/data/records/"+name, `{}`))
	}
	same(opaGet("/v1/data"), opaGet("/v1/data/app"), opaGet("/v1/data/records"), opaGet("/v1/data/system/main"), opaGet("/v1/data/nowhere"),
		opaPost("/v1/data", `{"input": {"user": "alice"}}`), opaPost("/v1/data/app", `{"input": {"user": "alice", "n": 0}}`), opaPost("/v0/data", `{"user": "alice"}`), opaPost("/v0/data/nowhere/at/all", `1`),
		opaPost("/v1/data/app/twice", `{"input": {"x": 1}}`), opaPost("/v1/data/app", `{"input": {"x": 1}}`), opaPost("/v1/data", `{"input": {"x": 1}}`), opaPost("/v0/data/app/twice", `{"x": 1}`))
}

// opaPaths are spellings of paths.
func opaPaths(same sameAnswer, other otherAnswer) {
	for _, name := range []string{
		"a%2Fb", "a%2fb", "%61%2Fb", "a/b", "%2e%2e", "%2E.", "%2e", "list/%30", "list/00", "list/+0", "list/0.0", "list/%2B1", "list/9223372036854775808", "a%20b", "a+b", "x%252Fy", "x%2Fy",
		"%d0%ba%d0%bb%d1%8e%d1%87", "ключ", "e%5Cf", "%25", "%2B", "+", "%F0%9F%98%80", "%C2%85x", "list/%F0%9D%9F%8E", "a;b=1", "a@b:c,d!$&'()*=~", "%5B0%5D", "%27", "list%2F0", "null", "true", "%7B%7D",
	} {
		if name == "%C2%85x" { // a control character
			other(noControls, 400, invalid, opaGet("/v1/data/records/"+name))
			continue
		}
		same(opaGet("/v1/data/records/"+name), opaPost("/v0/data/records/"+name, "{}"))
	}
	same(opaGet("/v1/data/%61pp/flag"), opaGet("/v1/data/app%2Fflag"), opaGet("/v1/data/app/fl%61g"), opaPost("/v1/data/app/flag?x=%2F", "{}"))
	// Redirects have the same status and no document.
	for _, path := range []string{"/v1/data/", "/v1/data/app/", "/v1/data/app/flag/", "/v1/data//app", "/v1/data/app//flag", "/v1/data/./app", "/v1/data/app/../app/flag", "/v1/data/app/."} {
		same(opaGet(path), call{method: "POST", target: path, body: "{}"})
	}
	// OPA keeps the query with these, and with a final slash loses it, and the input with it.
	same(opaGet("/v1/data//app/flag?pretty"), opaPost("/v1/data/./app/echo?x=%2F", "{}"))
	other("a redirect keeps the query", 301, "", opaGet("/v1/data/app/echo/?input=1"), opaPost("/v1/data/?pretty", "{}"))
	other("a redirect leads to the same names: OPA escapes them twice", 307, "", opaGet("/v1/data/./records/%2B"), opaGet("/v1/data//records/a%2Fb"), opaGet("/v1/data/app/../records/ключ"))
	other(noControls, 400, invalid, opaGet("/v1/data/records/c%0Ad"), opaGet("/v1/data/records/%00"), opaGet("/v1/data/app%00/flag"), opaGet("/v1/data/records/%7F"))
	other(ownFault, 400, invalid, opaGet("/v1/data/records/%22"), opaGet("/v1/data/records/%ff"), opaGet("/v1/data/app/%22%5D%3B%20input%20%23"))
	other(jsonErrors, 400, invalid, opaGet("/v1/data/records/%zz"), opaGet("/v1/data/records/%"), opaGet("/v1/data/records/a%2"))
	other(oneReading, 400, invalid, opaGet("/v1/data/records/a%2Fb/ключ"))
	other("a raw fragment or backslash is a name to OPA, and something else to proxies", 400, invalid, opaGet("/v1/data/records/a#b"), opaGet(`/v1/data/records/e\f`))
	other("a redirect never leaves the endpoint", 400, invalid, opaGet("/v1/data/../policies"), opaGet("/v1/data/app/../../.."))
	other(bounded, 400, invalid, opaGet("/v1/data"+strings.Repeat("/a", 300)))
	same(opaGet("/v1/data/app/function"))
	other("an encoded slash is a part of a name, at the end too, where OPA drops it", 200, "", opaGet("/v1/data/records/a%2F"))
	other(ownState, 200, "", opaGet("/v1/data/system"))
}
