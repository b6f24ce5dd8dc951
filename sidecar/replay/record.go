package replay

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// A Cause is why a record is not decided again.
type Cause string

// The causes.
const (
	Malformed   Cause = "malformed"            // the line is no record: cut, too long, or no JSON
	OtherDoor   Cause = "other door"           // sessions and searches are no decisions
	OfShadow    Cause = "of a shadow"          // the decision itself has a record of its own
	NoInput     Cause = "no input"             // decision_log.input was off, or the input was too large
	Unasked     Cause = "not asked"            // the request was refused as unreadable, which no policy would change
	Masked      Cause = "masked"               // what the policy reads, or what was decided, was taken out of the record
	Tokens      Cause = "a token in the input" // which the log does not keep
	Credentials Cause = "credentials"          // the policy reads headers that the log does not keep
	Parts       Cause = "parts of the request" // the policy reads what the recorded one did not
	Panicked    Cause = "a panic"              // of a library, at this record
	Unsettled   Cause = "not settled"          // the recorded decision is a time-out, or of an overload
	Late        Cause = "out of time"          // one of the bundles took too long, so that there is nothing to compare
)

// A record is what a line of a decision log says. Members of later versions are passed over.
type record struct {
	ID           string            `json:"decision_id"`
	Time         time.Time         `json:"time"`
	Door         decision.Door     `json:"door"`
	Item         *int              `json:"item"`
	Client       string            `json:"client"`
	Method       string            `json:"method"`
	Host         string            `json:"host"`
	Path         string            `json:"path"`
	Route        string            `json:"route"`
	User         string            `json:"user"`
	Organization string            `json:"organization"`
	Question     jsontext.Value    `json:"question"`
	Allow        *bool             `json:"allow"`
	Status       int               `json:"status"`
	Reasons      []decision.Reason `json:"reasons"`
	Input        jsontext.Value    `json:"input"`
	Shadow       jsontext.Value    `json:"shadow"`
	// Erased and Masked are JSON pointers to what was taken out of the record, or replaced.
	Erased []string `json:"erased"`
	Masked []string `json:"masked"`
}

// asked reads the record of one line, and the case in it. A cause says why there is none.
func asked(line []byte) (*record, *policy.Case, Cause) {
	var r record
	if line == nil {
		return nil, nil, Malformed
	}
	if json.Unmarshal(line, &r) != nil || r.Door == "" {
		return nil, nil, unreadable(line)
	}
	switch r.Door {
	case decision.DoorSession, decision.DoorSearchSubject, decision.DoorSearchResource, decision.DoorSearchAction:
		return &r, nil, OtherDoor
	}
	if r.Shadow != nil || len(r.erased("/shadow")) > 0 {
		return &r, nil, OfShadow
	}
	if r.Input == nil {
		switch {
		case len(r.erased("/input")) > 0:
			return &r, nil, Masked
		case r.unasked():
			return &r, nil, Unasked
		}
		return &r, nil, NoInput
	}
	if bytes.Contains(r.Input, []byte("[token]")) {
		return &r, nil, Tokens
	}
	c, err := policy.ReadMasked(r.Input, r.erased("/input"))
	if err != nil {
		if len(r.erased("/input")) > 0 {
			return &r, nil, Masked
		}
		return &r, nil, Malformed
	}
	return &r, c, ""
}

// unreadable is why a line cannot be read: a mask may have put anything anywhere.
func unreadable(line []byte) Cause {
	var done struct {
		Erased []string `json:"erased"`
		Masked []string `json:"masked"`
	}
	if json.Unmarshal(line, &done) == nil && len(done.Erased)+len(done.Masked) > 0 {
		return Masked
	}
	return Malformed
}

// unasked reports whether there was nothing to ask a policy about: an ambiguous path, or a
// request that is neither a question nor one for a path. Where a mask has been, nobody knows.
func (r *record) unasked() bool {
	if len(r.Reasons) != 1 || len(r.Erased)+len(r.Masked) > 0 {
		return false
	}
	switch r.Reasons[0].Code {
	case decision.PathAmbiguous:
		return true
	case decision.RequestMalformed:
		return r.Question == nil && r.Path == ""
	default:
		return false
	}
}

// erased are the pointers below a member of what was taken out of it.
func (r *record) erased(member string) []string {
	var below []string
	for _, list := range [][]string{r.Erased, r.Masked} {
		for _, pointer := range list {
			if rest, ok := strings.CutPrefix(pointer, member); ok && (rest == "" || rest[0] == '/') {
				below = append(below, rest)
			}
		}
	}
	return below
}

// decided is what the record says was decided, if it still does.
func (r *record) decided() (Outcome, Cause) {
	for _, member := range []string{"/allow", "/status"} {
		if len(r.erased(member)) > 0 {
			return Outcome{}, Masked
		}
	}
	for _, below := range r.erased("/reasons") {
		// What a reason says to people is not compared.
		if names := strings.Split(below, "/"); len(names) != 3 || names[2] != "message" {
			return Outcome{}, Masked
		}
	}
	if r.Allow == nil {
		return Outcome{}, Malformed
	}
	o := Outcome{Decision: decision.Decision{Allow: *r.Allow, Status: r.Status, Reasons: r.Reasons}, Route: r.Route}
	if !Settled(o.Decision) {
		return Outcome{}, Unsettled
	}
	return o, ""
}

// lacks is the cause for what a policy misses in a case.
func lacks(p *policy.Policy, c *policy.Case, r *record) Cause {
	return Cause(p.Lacks(c, r.erased("/input")))
}

// who is whom the decision was about, as the record names them.
func (r *record) who(c *policy.Case) string {
	switch {
	case r.User != "" && r.Organization != "":
		return r.User + " in " + r.Organization
	case r.User != "":
		return r.User
	case c.Evaluation != nil && c.Input.Trusted:
		return c.Evaluation.Subject.Type + " " + c.Evaluation.Subject.ID
	case c.Input.Credential != "":
		return string(c.Input.Credential)
	case c.Input.Subject != nil:
		return "somebody" // the record does not say who
	default:
		return "nobody"
	}
}

// subject is what decisions are counted by: the route, the requirement or action, or the
// document that was asked for.
func subject(c *policy.Case, o Outcome, r *record) string {
	switch {
	case c.Check != nil && c.Check.Action != "":
		return "action " + c.Check.Action
	case c.Check != nil:
		return requirement(c.Check.Require.AppendJSON(nil))
	case c.Request != nil && o.Route != "":
		return "route " + o.Route
	case c.Request != nil && r.Route != "":
		return "route " + r.Route
	case c.Request != nil:
		return "no route"
	case c.Evaluation != nil:
		return c.Evaluation.Action.Name + " on " + c.Evaluation.Resource.Type
	default:
		return "data." + strings.Join(c.Data.Path, ".")
	}
}

// requirement is a requirement in words where it is a plain one, and else as it stands.
func requirement(normal jsontext.Value) string {
	var r struct {
		Any []map[string]any `json:"any"`
	}
	if json.Unmarshal(normal, &r) != nil || len(r.Any) != 1 {
		return string(normal)
	}
	var words []string
	for _, name := range []string{"role", "permission", "feature", "plan"} {
		if value, ok := r.Any[0][name].(string); ok {
			words = append(words, name+" "+value)
		}
	}
	if len(words) == 0 || len(words) != len(r.Any[0]) {
		return string(normal)
	}
	return strings.Join(words, ", ")
}

// what is what exactly was asked: a request has more to it than its route.
func (r *record) what(c *policy.Case, subject string) string {
	switch {
	case c.Request != nil:
		return fmt.Sprintf("%s %s%s", r.Method, r.Host, r.Path)
	case c.Evaluation != nil:
		return fmt.Sprintf("%s on %s %s", c.Evaluation.Action.Name, c.Evaluation.Resource.Type, c.Evaluation.Resource.ID)
	default:
		return subject
	}
}
