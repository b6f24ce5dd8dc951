package policy

import (
	"errors"

	"postern/sidecar/decision"
)

// Says is what a document decides, or the error of [Policy.Data] for want of one, and the kind
// of document that it is. What is neither an allow nor a denial has the status 200 and no
// reasons.
func Says(found *Document, err error) (d decision.Decision, kind string) {
	var failed *DataError
	switch {
	case errors.As(err, &failed):
		return decision.Because(failed.Code, ""), ""
	case err != nil:
		return decision.Because(decision.PolicyError, ""), ""
	case found.Allow:
		return decision.Allowed(), found.Kind
	case found.Deny:
		return decision.Denied(), found.Kind
	case found.JSON == nil:
		return decision.Because(decision.PolicyUndefined, ""), found.Kind
	default:
		return decision.Decision{Status: decision.Allowed().Status}, found.Kind
	}
}
