package decision

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

func TestAllowed(t *testing.T) {
	got, err := json.Marshal(Allowed())
	if err != nil || string(got) != `{"allow":true,"status":200,"reasons":[]}` {
		t.Errorf("Allowed() = %s, %v", got, err)
	}
}

func TestDenied_status(t *testing.T) {
	f := func(want int, codes ...Code) {
		t.Helper()
		var reasons []Reason
		for _, c := range codes {
			reasons = append(reasons, Reason{Code: c})
		}
		d := Denied(reasons...)
		if d.Allow || d.Status != want || len(d.Reasons) == 0 {
			t.Errorf("Denied(%v) = %+v, want status %d", codes, d, want)
		}
	}
	f(403)
	f(403, PolicyDenied)
	f(403, PolicyError, PolicyTimeout, PolicyUndefined)
	f(401, TokenExpired)
	f(401, RoleRequired, TokenMissing, NothingAsked)
	f(503, NotReady)
	f(503, TokenMissing, Overloaded, RoleRequired)
	f(400, RequestMalformed)
	f(400, PathAmbiguous, NotReady, TokenMissing, RoleRequired)
	f(403, "made_up")
}

func TestDenied_sortsAndCompacts(t *testing.T) {
	given := []Reason{
		{Code: RoleRequired, Role: "b"},
		{Code: PlanRequired},
		{Code: RoleRequired, Role: "a"},
		{Code: RoleRequired, Role: "b"},
	}
	before := slices.Clone(given)
	d := Denied(given...)
	var got []string
	for _, r := range d.Reasons {
		got = append(got, string(r.Code)+" "+r.Role)
	}
	if want := []string{"plan_required ", "role_required a", "role_required b"}; !slices.Equal(got, want) {
		t.Errorf("Denied sorted to %v, want %v", got, want)
	}
	if !slices.Equal(given, before) {
		t.Error("Denied changed its arguments")
	}
}

func TestDenied_unknownCode(t *testing.T) {
	d := Denied(Reason{Code: "made_up", Message: "attacker text"})
	if len(d.Reasons) != 1 || d.Reasons[0].Code != PolicyError || d.Reasons[0].Message == "attacker text" {
		t.Errorf("Denied(made_up) = %+v, want policy_error alone", d)
	}
}

// TestDenied_validText: every text member is one that JSON can hold.
func TestDenied_validText(t *testing.T) {
	var r Reason
	for i, v := 0, reflect.ValueOf(&r).Elem(); i < v.NumField(); i++ {
		v.Field(i).SetString("a\xffb")
	}
	r.Code = RoleRequired
	got := Denied(r).Reasons[0]
	for i, v := 1, reflect.ValueOf(got); i < v.NumField(); i++ {
		if v.Field(i).String() != "a\uFFFDb" {
			t.Errorf("%s = %q", v.Type().Field(i).Name, v.Field(i))
		}
	}
}

func TestBecause(t *testing.T) {
	d := Because(TokenMissing, "say please")
	if d.Status != 401 || d.Reasons[0].Message != "say please" {
		t.Errorf("Because = %+v", d)
	}
}

// TestCodes: the set is the contract's, and each code has a status and a message.
func TestCodes(t *testing.T) {
	byStatus := map[int]int{}
	for _, c := range Codes() {
		if !c.Known() || messages[c] == "" {
			t.Errorf("%s: known %v, message %q", c, c.Known(), messages[c])
		}
		byStatus[c.Status()]++
	}
	if byStatus[400] != 2 || byStatus[401] != 15 || byStatus[403] != 17 || byStatus[503] != 2 {
		t.Errorf("codes by status: %v, want 2 of 400, 15 of 401, 17 of 403, 2 of 503", byStatus)
	}
	if len(messages) != len(statuses) {
		t.Errorf("%d messages for %d codes", len(messages), len(statuses))
	}
	if Code("made_up").Known() || Code("made_up").Status() != 403 {
		t.Error("an unknown code is known, or does not deny with 403")
	}
}
