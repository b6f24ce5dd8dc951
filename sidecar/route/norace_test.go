//go:build !race

package route

// raced says that the race detector slows this run down.
const raced = false
