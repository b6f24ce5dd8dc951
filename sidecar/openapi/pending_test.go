package openapi_test

import "postern/sidecar/decision"

// Doors that the listener does not have yet: their names in the decision log, and in the
// configuration.
var (
	missing = []decision.Door{decision.DoorData, decision.DoorBatchData}
	closed  = []string{"opa"}
)
