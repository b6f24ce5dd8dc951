package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"

	"postern/cmd/soak/world"
)

// route is the question that a proxy asks.
func (j *judge) route(s *world.Session, r world.Route) question {
	return question{s, func(revision int, known bool) world.Outcome {
		o := j.world.Ask(s, r, revision)
		if !known && r.Guarded() {
			o = world.UnknownKey
		}
		o.Code = "" // proxies are not told
		return o
	}}
}

// proxied judges what a proxy is told, by the status and by whom the upstream is told about.
func (j *judge) proxied(q question, r world.Route) func(answer, span) (string, error) {
	return func(a answer, sp span) (string, error) {
		v := verdict{allow: a.StatusCode == http.StatusOK, status: a.StatusCode}
		if v.allow {
			if err := identified(q.session, r, a.Header.Get("X-Postern-User")); err != nil {
				return "", err
			}
		}
		return word(v), j.decided(q, sp, v)
	}
}

// identified: an allow names the session's user, and on public routes at most that one.
func identified(s *world.Session, r world.Route, user string) error {
	if user != s.User && (user != "" || !r.Public()) {
		return fmt.Errorf("an allow for %s tells the upstream about %q", s.User, user)
	}
	return nil
}

func (j *judge) forwardAuth(random *rand.Rand, s *world.Session) call {
	r := pick(random, world.Routes)
	text := "GET /forward-auth HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Method: " + r.Method + "\r\nX-Forwarded-Uri: " + r.Path +
		"\r\nX-Forwarded-Host: app.soak.test\r\nX-Forwarded-Proto: https\r\n" + bearer(s.Token) + "\r\n"
	q := j.route(s, r)
	return call{"/forward-auth", text, j.proxied(q, r), &q}
}

func (j *judge) authRequest(random *rand.Rand, s *world.Session) call {
	r := pick(random, world.Routes)
	text := "GET /auth-request HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Original-Method: " + r.Method + "\r\nX-Original-URI: " + r.Path + "\r\n"
	if s.Token != "" { // a cookie, for once
		text += "Cookie: a=b; __session=" + s.Token + "\r\n"
	}
	q := j.route(s, r)
	return call{"/auth-request", text + "\r\n", j.proxied(q, r), &q}
}

func (j *judge) extAuthz(random *rand.Rand, s *world.Session) call {
	r := pick(random, world.Routes)
	text := r.Method + " /ext_authz" + r.Path + " HTTP/1.1\r\nHost: app.soak.test\r\n" + bearer(s.Token)
	if r.Method != http.MethodGet {
		text += "Content-Length: 0\r\n"
	}
	q := j.route(s, r)
	return call{"/ext_authz", text + "\r\n", j.proxied(q, r), &q}
}

// authzen asks about the session whose token the client sends.
func (j *judge) authzen(random *rand.Rand, s *world.Session) call {
	permission := pick(random, world.Permissions())
	body := fmt.Sprintf(`{"subject":{"type":"session","id":%q},"action":{"name":%q},"resource":{"type":"thing","id":"1"}}`, or(s.Token, "none"), permission)
	q := j.permission(s, permission)
	return call{"AuthZEN", post("/access/v1/evaluation", "", body), func(a answer, sp span) (string, error) {
		var got struct{ Decision bool }
		if err := read(a, &got); err != nil {
			return "", err
		}
		v := verdict{allow: got.Decision}
		return word(v), j.decided(q, sp, v)
	}, nil}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// data asks the OPA door for an organization's plan and the revision that says so.
func (j *judge) data(_ *rand.Rand, s *world.Session) call {
	body := fmt.Sprintf(`{"input":{"organization":%q}}`, world.Organization(s.Organization))
	return call{door: "OPA data", text: post("/v1/data/soak/answer", "", body), judge: func(a answer, sp span) (string, error) {
		var got struct {
			Result *struct {
				Revision int
				Plan     string
			}
		}
		if err := read(a, &got); err != nil {
			return "", err
		}
		if got.Result == nil {
			return "", fmt.Errorf("no result: %s", a.body)
		}
		if want := j.world.Plan(s.Organization, got.Result.Revision); got.Result.Plan != want {
			text, err := json.Marshal(got.Result)
			return "", fmt.Errorf("the document %s, %v, should say the plan %s", text, err, want)
		}
		return "document", j.showed(got.Result.Revision, sp)
	}}
}
