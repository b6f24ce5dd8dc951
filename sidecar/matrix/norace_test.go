//go:build !race

package matrix_test

// raced says that the race detector slows this run down.
const raced = false
