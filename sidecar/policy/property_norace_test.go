//go:build !race

package policy_test

// raced says that the race detector slows this run down.
const raced = false
