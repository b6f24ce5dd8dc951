package session

import (
	"hash/maphash"
	"sync/atomic"
)

// Bounds of a [table].
const (
	tableRows = 256
	// maxRow is the size of a key with its value, in bytes. What is larger is not remembered.
	maxRow = 8 << 10
)

// A table remembers what was read from texts that the tokens of many sessions have alike,
// such as the features of a plan: it is made once, and they share it. A newer text takes the
// place of an older one. The zero value is ready, and safe for concurrent use.
type table[V any] struct {
	rows [tableRows]atomic.Pointer[row[V]]
}

type row[V any] struct {
	key   string
	value V
}

// tableSeed makes it impossible to choose texts that displace each other.
var tableSeed = maphash.MakeSeed()

// row is where a key belongs.
func (t *table[V]) row(key []byte) *atomic.Pointer[row[V]] {
	return &t.rows[maphash.Bytes(tableSeed, key)%tableRows]
}

// get returns what was put under exactly this key. Nobody may change it.
func (t *table[V]) get(key []byte) (value V, ok bool) {
	r := t.row(key).Load()
	if r == nil || r.key != string(key) {
		return value, false
	}
	return r.value, true
}

// put remembers a value of so many bytes, unless that is too many.
func (t *table[V]) put(key []byte, value V, size int) {
	if len(key)+size <= maxRow {
		t.row(key).Store(&row[V]{string(key), value})
	}
}
