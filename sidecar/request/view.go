package request

import "unsafe"

// view is b as a string, without a copy. Strings are taken for constant everywhere, and this
// one changes when b does: it is for what a request is read into, and good until its door
// has answered. What is kept longer is cloned.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
