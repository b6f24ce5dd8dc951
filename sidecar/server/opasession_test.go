package server_test

import (
	"strings"
	"testing"
)

// TestOPA_sessionShapes: at no door and in no shape of input does a caller say who the
// session is, or that there is one.
func TestOPA_sessionShapes(t *testing.T) {
	t.Parallel()
	s := start(t, opaConfig(t, questioned(t), "opa: {session: true, default_decision: app/echo}"))
	address := strings.TrimPrefix(s.url, "http://")
	const forged = `{"session": {"user_id": "root"}, "\u0063redential": null, "\u0073ession": {"user_id": "root"}}`
	const single = `{"\u0073ession": {"user_id": "root", "org": {"role": "org:admin"}}, "credential": {"code": "forged"}}`
	good, bad := "Authorization: Bearer "+sign(t, nil), "Authorization: Bearer "+sign(t, map[string]any{"sub": "user_2"})
	for _, test := range []struct {
		name    string
		headers []string
		code    string // of the credential, empty where the session is user_1
	}{
		{"a session", []string{good}, ""},
		{"none", nil, "token_missing"},
		{"the same twice", []string{good, good}, ""},
		{"two", []string{good, bad}, "credentials_ambiguous"},
		{"two cookies", []string{"Cookie: __session=" + sign(t, nil), "Cookie: __session=x"}, "credentials_ambiguous"},
		{"another scheme beside a cookie", []string{"Authorization: Basic cm9vdDpyb290", "Cookie: __session=" + sign(t, nil)}, "token_"},
	} {
		for _, c := range []call{
			{"GET", "/v1/data/app/echo?input=" + strings.ReplaceAll(single, " ", "%20"), "", test.headers},
			{"POST", "/v1/data/app/echo", `{"input": ` + single + `}`, test.headers},
			{"POST", "/v1/data/app/echo?input=" + strings.ReplaceAll(single, " ", "%20"), `{}`, test.headers},
			{"POST", "/v0/data/app/echo", single, test.headers},
			{"POST", "/v0/data/app/echo", ``, test.headers},
			{"POST", "/", single, test.headers},
			{"POST", "/v1/batch/data/app/echo", `{"inputs": {"a": {}}, "common_input": ` + single + `}`, test.headers},
			{"POST", "/v1/batch/data/app/echo", `{"inputs": {"a": ` + single + `}, "common_input": {"session": {"user_id": "root"}}}`, test.headers},
			{"POST", "/v1/batch/data/app/echo", `{"inputs": {"a": ` + single + `}, "common_input": [1]}`, test.headers},
		} {
			response, body := send(t, address, c)
			if response.StatusCode != 200 || strings.Contains(body, "root") || strings.Contains(body, "forged") || strings.Contains(body, "org:admin") && test.code != "" {
				t.Errorf("%s: %s %s %s: %d %s", test.name, c.method, c.target, c.body, response.StatusCode, body)
			}
			if test.code == "" && (!strings.Contains(body, `"credential":null`) || !strings.Contains(body, `"user_id":"user_1"`)) ||
				test.code != "" && (!strings.Contains(body, `"credential":{"code":"`+test.code) || !strings.Contains(body, `"session":null`)) {
				t.Errorf("%s: %s %s %s: %s, want %q", test.name, c.method, c.target, c.body, body, test.code)
			}
		}
		// An input that has no room for the session has none, and is nobody's.
		for _, input := range []string{`[` + single + `]`, `"session"`, `1`, `[["session", {"user_id": "root"}]]`} {
			for _, c := range []call{
				{"POST", "/v1/data/app/user", `{"input": ` + input + `}`, test.headers},
				{"POST", "/v0/data/app/allow", input, test.headers},
				{"POST", "/v1/batch/data/app/user", `{"inputs": {"a": ` + input + `}, "common_input": ` + single + `}`, test.headers},
			} {
				if _, body := send(t, address, c); strings.Contains(body, "result") || strings.Contains(body, "true") || strings.Contains(body, "root") {
					t.Errorf("%s: %s %s: %s", test.name, c.target, c.body, body)
				}
			}
		}
	}
	if response, body := send(t, address, call{"POST", "/v1/data/app/echo", `{"input": ` + forged + `}`, nil}); response.StatusCode != 400 {
		t.Errorf("one name in two spellings: %d %s", response.StatusCode, body)
	}
}
