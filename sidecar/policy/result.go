package policy

import (
	"errors"
	"fmt"

	"postern/sidecar/decision"
)

// errShape denies with policy_error.
var errShape = errors.New("the entrypoint's result has another shape than the contract's")

// decided reads the result of an entrypoint: a boolean, or exactly {allow, reasons} with
// a boolean and a list. An allow that gives reasons against itself is neither. Its
// error denies with policy_error.
func decided(result any) (decision.Decision, error) {
	switch r := result.(type) {
	case bool:
		if r {
			return decision.Allowed(), nil
		}
		return decision.Denied(), nil
	case map[string]any:
		return decidedObject(r)
	default:
		return decision.Decision{}, fmt.Errorf("%w: it is a %T", errShape, result)
	}
}

// plainly is decided for entrypoints that ask for nothing else.
func plainly(result any) (*decision.Answer, error) {
	d, err := decided(result)
	if err != nil {
		return nil, err
	}
	return &decision.Answer{Decision: d}, nil
}

func decidedObject(r map[string]any) (decision.Decision, error) {
	allow, okAllow := r["allow"].(bool)
	list, okReasons := r["reasons"].([]any)
	enrollment, enrolls, err := enrollmentOf(r)
	if err != nil {
		return decision.Decision{}, err
	}
	members := 2
	if enrolls {
		members++
	}
	if len(r) != members || !okAllow || !okReasons {
		return decision.Decision{}, fmt.Errorf("%w: it is not exactly {allow, reasons}, perhaps with an enrollment", errShape)
	}
	if allow && len(list) > 0 {
		return decision.Decision{}, fmt.Errorf("%w: it allows and gives reasons for a denial", errShape)
	}
	if allow {
		d := decision.Allowed()
		d.Enrollment = enrollment
		return d, nil
	}
	reasons, err := reasonsOf(list)
	if err != nil {
		return decision.Decision{}, err
	}
	return decision.Denied(reasons...), nil
}

// enrollmentOf reads the member enrollment, three texts, where there is one.
func enrollmentOf(r map[string]any) (*decision.Enrollment, bool, error) {
	value, stated := r["enrollment"]
	if !stated {
		return nil, false, nil
	}
	object, _ := value.(map[string]any)
	organization, ok1 := object["organization"].(string)
	mode, ok2 := object["mode"].(string)
	role, ok3 := object["role"].(string)
	if !ok1 || !ok2 || !ok3 || len(object) != 3 {
		return nil, true, fmt.Errorf("%w: enrollment is not {organization, mode, role}", errShape)
	}
	return &decision.Enrollment{Organization: organization, Mode: mode, Role: role}, true, nil
}

// reasonsOf reads a list of reasons.
func reasonsOf(list []any) ([]decision.Reason, error) {
	reasons := make([]decision.Reason, len(list))
	for i, item := range list {
		reasons[i] = reason(item)
		if !reasons[i].Code.Known() {
			return nil, fmt.Errorf("%w: reasons[%d] has no code of the closed set", errShape, i)
		}
	}
	return reasons, nil
}

// reason reads one entry of reasons: a text, or an object with a code. Members that are
// no text are left out.
func reason(item any) decision.Reason {
	if text, ok := item.(string); ok {
		return decision.Reason{Code: decision.PolicyDenied, Message: text}
	}
	object, ok := item.(map[string]any)
	if !ok {
		return decision.Reason{}
	}
	text := func(name string) string {
		s, _ := object[name].(string)
		return s
	}
	return decision.Reason{
		Code:           decision.Code(text("code")),
		Organization:   text("organization"),
		Role:           text("role"),
		RoleSet:        text("role_set"),
		Permission:     text("permission"),
		Feature:        text("feature"),
		Plan:           text("plan"),
		Reverification: text("reverification"),
		Action:         text("action"),
		Rule:           text("rule"),
		Fact:           text("fact"),
		Message:        text("message"),
	}
}
