package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"postern/cmd/soak/world"
)

// A call is one request over HTTP and what its answer must be.
type call struct {
	door string
	text string
	// judge says what came of it in a word, or what is wrong with the answer.
	judge func(a answer, s span) (string, error)
	// question is what a record of the decision log can be judged by; nil for none.
	question *question
}

// doors make calls at random for a session.
var doors = []func(*judge, *rand.Rand, *world.Session) call{
	(*judge).check, (*judge).check, (*judge).marked, (*judge).checks, (*judge).session,
	(*judge).forwardAuth, (*judge).authRequest, (*judge).extAuthz, (*judge).authzen, (*judge).data,
}

func post(path, token, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer(token) +
		fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Authorization: Bearer " + token + "\r\n"
}

func pick[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }

// permission is the question for one.
func (j *judge) permission(s *world.Session, permission string) question {
	return question{s, func(revision int, known bool) world.Outcome {
		if !known {
			return world.UnknownKey
		}
		return j.world.Check(s, permission, revision)
	}}
}

// A decided is a decision in JSON.
type decided struct {
	Allow   bool
	Status  int
	Reasons []struct{ Code, Message string }
}

func (d decided) verdict() verdict {
	v := verdict{allow: d.Allow, status: d.Status}
	if d.Status == 401 {
		v.code = d.signedOut()
	}
	return v
}

// signedOut is the reason why there is no session; there may be others beside it.
func (d decided) signedOut() string {
	for _, r := range d.Reasons {
		if strings.HasPrefix(r.Code, "token_") || strings.HasPrefix(r.Code, "session_") {
			return r.Code
		}
	}
	return "no reason"
}

// read reads an answer that must be a 200.
func read(a answer, v any) error {
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %.200s", a.StatusCode, a.body)
	}
	return json.Unmarshal(a.body, v)
}

func word(v verdict) string {
	if v.allow {
		return "allow"
	}
	if v.status == 401 {
		return "signed out"
	}
	return "deny"
}

// check asks for one permission.
func (j *judge) check(random *rand.Rand, s *world.Session) call {
	permission := pick(random, world.Permissions())
	q := j.permission(s, permission)
	return call{"/v1/check", post("/v1/check", s.Token, fmt.Sprintf(`{"permission":%q}`, permission)), func(a answer, sp span) (string, error) {
		var d decided
		if err := read(a, &d); err != nil {
			return "", err
		}
		return word(d.verdict()), j.decided(q, sp, d.verdict())
	}, &q}
}

// marked asks what is denied with the revision's number.
func (j *judge) marked(random *rand.Rand, s *world.Session) call {
	q := question{s, func(revision int, known bool) world.Outcome {
		if !known {
			return world.UnknownKey
		}
		if o, ok := s.SignedIn(revision); !ok {
			return o
		}
		return world.Denied
	}}
	body := fmt.Sprintf(`{"permission":%q,"resource":{"type":"marker"}}`, pick(random, world.Permissions()))
	return call{"/v1/check, marked", post("/v1/check", s.Token, body), func(a answer, sp span) (string, error) {
		var d decided
		if err := read(a, &d); err != nil {
			return "", err
		}
		if err := j.decided(q, sp, d.verdict()); err != nil {
			return "", err
		}
		for _, r := range d.Reasons {
			var revision int
			if _, err := fmt.Sscanf(r.Message, "revision %d", &revision); err == nil {
				return "deny", j.showed(revision, sp)
			}
		}
		if d.Status == 403 {
			return "", fmt.Errorf("no reason says the revision: %s", a.body)
		}
		return word(d.verdict()), nil
	}, &q}
}

// checks asks for one permission and for the revision's number, bit by bit.
func (j *judge) checks(random *rand.Rand, s *world.Session) call {
	asked := append([]string{pick(random, world.Permissions())}, world.Bits()...)
	var parts []string
	for _, p := range asked {
		parts = append(parts, fmt.Sprintf(`{"permission":%q}`, p))
	}
	body := `{"checks":[` + strings.Join(parts, ",") + `]}`
	return call{door: "/v1/checks", text: post("/v1/checks", s.Token, body), judge: func(a answer, sp span) (string, error) {
		var all struct{ Results []decided }
		if err := read(a, &all); err != nil {
			return "", err
		}
		if len(all.Results) != len(asked) {
			return "", fmt.Errorf("%d answers to %d questions", len(all.Results), len(asked))
		}
		return j.batch(s, asked, all.Results, sp)
	}}
}

// batch judges the answers to a batch: all must be those of one revision.
func (j *judge) batch(s *world.Session, asked []string, got []decided, sp span) (string, error) {
	spelled := 0
	for n, d := range got[1:] {
		if d.Allow {
			spelled |= 1 << n
		}
	}
	first := got[0].verdict()
	for _, revision := range j.bundles.Between(sp.from, j.bundles.Newest()) {
		fits := true
		for i, permission := range asked {
			right := j.under(nil, j.permission(s, permission), sp, revision)
			fits = fits && slices.ContainsFunc(right, got[i].verdict().is)
		}
		if !fits {
			continue
		}
		if spelled != 0 {
			return word(first), j.showed(revision, sp)
		}
		return word(first), nil
	}
	return "", fmt.Errorf("a batch of kind %d, %s is answered %+v and spells %d, which is no revision from %d on",
		s.Kind, s.User, first, spelled, sp.from)
}

// session asks what the session amounts to.
func (j *judge) session(_ *rand.Rand, s *world.Session) call {
	const permission = "org:invoices:read"
	q := question{s, func(revision int, known bool) world.Outcome {
		if !known {
			return world.UnknownKey
		}
		o, ok := s.SignedIn(revision)
		if ok && !j.world.Permitted(s, permission, revision) {
			return world.Denied // signed in, without the permission
		}
		return o
	}}
	text := "GET /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer(s.Token) + "\r\n"
	return call{door: "/v1/session", text: text, judge: func(a answer, sp span) (string, error) {
		if a.StatusCode == http.StatusUnauthorized {
			var d decided
			if err := json.Unmarshal(a.body, &d); err != nil {
				return "", fmt.Errorf("read a 401: %w", err)
			}
			return "signed out", j.decided(q, sp, verdict{status: 401, code: d.signedOut()})
		}
		var got struct {
			Session struct {
				User string `json:"user_id"`
			}
			Permissions []string
		}
		if err := read(a, &got); err != nil {
			return "", err
		}
		if got.Session.User != s.User {
			return "", fmt.Errorf("the session of %s is answered as %s's", s.User, got.Session.User)
		}
		v := verdict{status: 403}
		if slices.Contains(got.Permissions, permission) {
			v = verdict{allow: true, status: 200}
		}
		return "signed in", j.decided(q, sp, v)
	}}
}
