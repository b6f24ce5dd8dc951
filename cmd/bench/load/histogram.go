package load

import (
	"math/bits"
	"time"
)

// subBits says how fine a histogram is: each power of two is cut into 1<<subBits buckets,
// so that a quantile is too large by less than one part in 128.
const subBits = 7

// buckets hold any int64: those below 1<<subBits one value each, and 1<<subBits for every
// further power of two.
const buckets = (64 - subBits) << subBits

// A histogram counts durations in log-linear buckets, as HDR histograms do. The zero value
// is empty.
type histogram struct {
	counts [buckets]uint32
	total  uint64
}

// add counts d. What is negative counts as 0.
func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.total++
}

// merge adds what other has counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile is the least duration that the share q of all those counted do not exceed, or
// rather the end of its bucket. An empty histogram has 0.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) {
		rank++
	}
	rank = max(rank, 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= rank {
			return time.Duration(endOf(i))
		}
	}
	return 0
}

// bucketOf is the bucket of a value: the position of its highest bit, then the subBits bits
// that follow.
func bucketOf(v uint64) int {
	shift := bits.Len64(v) - subBits - 1
	if shift <= 0 {
		return int(v)
	}
	return shift<<subBits + int(v>>shift)
}

// endOf is the largest value of a bucket.
func endOf(bucket int) uint64 {
	shift := bucket>>subBits - 1
	if shift <= 0 {
		return uint64(bucket)
	}
	top := uint64(bucket&(1<<subBits-1) | 1<<subBits)
	return (top+1)<<shift - 1
}
