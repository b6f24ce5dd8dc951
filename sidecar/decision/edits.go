package decision

// Edits are what a policy asks of a proxy besides yes or no, in the terms of OPA-Envoy's
// decisions. They are wishes: a door that cannot carry one out must deny.
type Edits struct {
	// Headers are set on the request to the upstream where the decision allows, and on the
	// answer to the client where it denies.
	Headers []Pair
	// ResponseHeaders are added to the answer to the client where the decision allows.
	ResponseHeaders []Pair
	// RemoveHeaders are names of headers that the upstream must not see.
	RemoveHeaders []string
	// SetQuery and RemoveQuery change the query of the request to the upstream.
	SetQuery    []Pair
	RemoveQuery []string
	// Body and Status are the answer to the client where the decision denies; Status 0 is
	// the door's own.
	Body   string
	Status int
	// Metadata is for the proxy's log, JSON values as package encoding/json has them.
	Metadata map[string]any
}

// A Pair is a header or a parameter of a query.
type Pair struct{ Name, Value string }
