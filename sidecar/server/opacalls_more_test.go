package server_test

import (
	"bytes"
	"compress/gzip"
	"strings"
)

// packed is a text in gzip.
func packed(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.String()
}

// opaBodies are bodies, good and bad.
func opaBodies(same sameAnswer, other otherAnswer) {
	const echo = "/v1/data/app/echo"
	typed := func(kind, body string) call {
		return call{"POST", echo, body, []string{"Content-Type: " + kind}}
	}
	for _, body := range []string{
		``, ` `, `{}`, `null`, `{"input": null}`, `{"input": 1}`, `{"input": "x"}`, `{"input": []}`, `{"input": [1, "a", null]}`, `{"input": false}`, `{"other": 1}`, `{"input": {"a": 1}, "com.example/meta": {"b": 2}}`,
		`{"input": {"n": 12345678901234567890}}`, `{"input": {"n": 9007199254740993}}`, `{"input": {"n": 1.10}}`, `{"input": {"n": 1e2}}`, `{"input": {"n": -0}}`, `{"input": {"n": 0.1e-7}}`,
		`{"input": {"t": "<&>\u2028 é 😀 \u0000"}}`, `{"input": {"": {"": 1}}}`, `{"input": {"__proto__": {"a": 1}}}`, ` {"input": {"s": " x "}} `,
	} {
		same(opaPost(echo, body), opaPost("/v1/data/app/absent", body), opaPost("/v1/data/app/given", body))
	}
	for _, body := range []string{``, `null`, `1`, `"x"`, `[1]`, `{"a": 1}`, `false`, `{"input": 1}`} {
		same(opaPost("/v0/data/app/echo", body), opaPost("/", body))
	}
	for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=utf-8"} {
		same(typed(kind, `{"input": 1}`))
	}
	gzipped := []string{"Content-Encoding: gzip"}
	same(call{"POST", echo, packed(`{"input": {"a": 1}}`), gzipped}, call{"POST", "/v0/data/app/echo", packed(`{"a": 1}`), gzipped})
	encoded := func(headers ...string) call { return call{"POST", echo, packed(`{"input": 1}`), headers} }
	same(call{"POST", echo, packed(""), gzipped}, call{"POST", echo, `{"input": 1}`, []string{"Content-Encoding: identity"}})
	other("encodings have names in any case, and are a list (RFC 9110 section 8.4): OPA looks for gzip in the first", 200, "", encoded("Content-Encoding: GZIP"))
	other("a body is packed once, which is said once", 400, invalid, encoded("Content-Encoding: gzip, gzip"), encoded("Content-Encoding: gzip", "Content-Encoding: identity"), encoded("Content-Encoding: x-gzip"))
	other(strictJSON, 400, invalid, call{"POST", echo, packed(`{"input": 1}`) + packed(`{"input": 2}`), gzipped})
	other(ownWords, 400, invalid, encoded("Content-Encoding: identity", "Content-Encoding: gzip"), call{"POST", echo, packed(`{"input": 1}`) + "xx", gzipped}, call{"POST", echo, "", gzipped})
	other(ownWords, 400, invalid, call{"POST", echo, packed(`{"input": 1}`)[:20], gzipped}, call{"POST", echo, packed(`{"input": 1}`), nil})
	other(ownWords, 400, invalid, opaPost(echo, `{`), opaPost(echo, `{"input": }`), opaPost(echo, `[]`), opaPost(echo, `"x"`), opaPost(echo, `1`), opaPost(echo, `{"input": 01}`), opaPost(echo, `{'input': 1}`),
		opaPost("/v0/data/app/echo", `{`), opaPost("/", `{"a":}`), opaPost(echo, "\xef\xbb\xbf{}"))
	other(strictJSON, 400, invalid, opaPost(echo, `{"input": {"a": 1, "a": 2}}`), opaPost(echo, `{"input": 1, "input": 2}`), opaPost(echo, `{"input": 1} {}`), opaPost(echo, `{"Input": 1}`), opaPost(echo, `{"INPUT": {"user": "alice"}}`),
		opaPost(echo, "{\"input\": \"\xff\"}"), opaPost(echo, `{"input": "\ud800"}`), opaPost("/v0/data/app/echo", `{"a": 1} x`))
	other(bounded, 400, invalid, opaPost(echo, `{"input": 1e400}`), opaPost(echo, `{"input": 1e-400}`), opaPost(echo, `{"input": `+strings.Repeat("9", 100)+`}`), opaPost(echo, `{"input": `+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`))
	other(bounded, 413, invalid, opaPost(echo, `{"input": "`+strings.Repeat("x", 70<<10)+`"}`))
	other(bounded, 400, invalid, call{"POST", echo, packed(`{"input": "` + strings.Repeat("x", 1<<20) + `"}`), gzipped})
	other(onlyJSON, 400, invalid, typed("application/x-yaml", "input: {a: 1}"))
}

// opaParameters are queries.
func opaParameters(same sameAnswer, other otherAnswer) {
	for _, query := range []string{"", "pretty", "pretty=true", "pretty=TRUE", "pretty=false", "pretty=1", "pretty=false&pretty=true", "metrics", "metrics=true&pretty", "provenance", "provenance=true", "unknown=1", "explain=off", "strict-builtin-errors=false"} {
		same(opaGet("/v1/data/app/flag?"+query), opaPost("/v1/data/app/sub?"+query, `{"input": {"outer": 1}}`), opaPost("/v0/data/app/sub?"+query, `{"outer": 1}`))
	}
	same(opaGet("/v1/data/app/flag?instrument"), opaPost("/v1/data/app/members?instrument=true", `{"input": {"m": {"a": 1}}}`))
	for _, path := range []string{"number", "divided"} {
		for _, body := range []string{`{"input": {"n": "seven"}}`, `{"input": {"n": 0}}`, `{"input": {"n": "7"}}`, `{"input": {}}`} {
			same(opaPost("/v1/data/app/"+path, body), opaPost("/v1/data/app/"+path+"?strict-builtin-errors", body), opaPost("/v1/data/app/"+path+"?strict-builtin-errors=true", body))
		}
	}
	same(opaGet(`/v1/data/app/echo?input={"a":1}`), opaGet("/v1/data/app/echo?input=%7B%22a%22%3A%5B1%2C%22%C3%A9%22%5D%7D"), opaGet("/v1/data/app/echo?input=null"), opaGet("/v1/data/app/given?input=null"), opaGet("/v1/data/app/echo?input=1"),
		opaPost("/v1/data/app/echo?input=1", `{"input": 2}`))
	other(ownWords, 400, invalid, opaGet("/v1/data/app/echo?input={"), opaGet("/v1/data/app/echo?input="), opaGet("/v1/data/app/echo?input=1%202"))
	other(strictJSON, 400, invalid, opaGet("/v1/data/app/echo?input=1&input=2"), opaGet(`/v1/data/app/echo?input={"a":1,"a":2}`), opaGet("/v1/data/app/echo?input=1&x=%zz"))
	for _, mode := range []string{"full", "notes", "fails", "debug", "unknown", "off&explain=full"} {
		other(noTrace, 400, invalid, opaPost("/v1/data/app/flag?explain="+mode, `{}`))
	}
	other(noTrace, 400, invalid, opaGet("/v1/data/app/flag?rule_labels"), opaGet("/v1/data/app/flag?rule_labels=false&rule_labels=true"))
	same(opaGet("/v1/data/app/flag?explain"), opaGet("/v1/data/app/flag?explain="), opaGet("/v1/data/app/flag?rule_labels=false"))
	other("a query with what no URL has is not read in part", 400, invalid, opaGet("/v1/data/app/flag?a;b"), opaGet("/v1/data/app/echo?input=1;x"))
}

// opaEndpoints are the other endpoints and methods.
func opaEndpoints(same sameAnswer, other otherAnswer) {
	same(opaGet("/health"), opaGet("/health?bundles"), opaGet("/health?bundle=true"), opaGet("/health?plugins"), opaGet("/health?plugins&exclude-plugin=bundle"), opaGet("/health/text"), opaGet("/health/ready"), opaGet("/health/broken"), opaGet("/health/"))
	other(ownPlugins, 200, "", opaGet("/health/live"))
	other(readOnly, 405, "invalid_operation", call{method: "PUT", target: "/v1/data/records/x", body: "1"}, call{method: "PATCH", target: "/v1/data", body: "[]"}, call{method: "DELETE", target: "/v1/data/records"},
		call{method: "PUT", target: "/v1/policies/x", body: "package x"}, call{method: "DELETE", target: "/v1/policies/x"}, opaGet("/v0/data/app"), call{method: "OPTIONS", target: "/v1/data"}, call{method: "PATCH", target: "/v1/query"})
	other(notServed, 404, "resource_not_found", opaGet("/v1/policies"), opaGet("/v1/policies/app/app.rego"), opaGet("/v1/query?q=data"), opaPost("/v1/query", `{"query": "data"}`), opaPost("/v1/compile", `{"query": "data.app.allow"}`), opaPost("/v1/compile/app/allow", `{}`),
		opaGet("/v1/config"), opaGet("/v1/status"))
	other(notServed, 405, "invalid_operation", opaGet("/"))
	same(call{method: "HEAD", target: "/v1/data"})
}
