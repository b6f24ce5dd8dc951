package phrase

import "strings"

const (
	// longest is the length in bytes from which on a name has no suggestion: it is no slip
	// of the pen, and comparing takes time in proportion to both lengths.
	longest = 256
	// maxEdits is how many slips a suggestion mends at most.
	maxEdits = 3
)

// Suggest returns the candidate nearest to a name that is not known, or "" where none is
// near: at most one edit for every three bytes of the candidate, rounded up, three in
// all, and something left of both. An edit inserts, deletes or replaces a byte, or swaps
// two neighbours; upper and lower case are one. Of equally near candidates it takes the
// first in order.
func Suggest(name string, candidates []string) string {
	if len(name) > longest {
		return ""
	}
	best, fewest := "", maxEdits+1
	for _, c := range candidates {
		limit := min(maxEdits, (len(c)+2)/3, len(name)-1, len(c)-1)
		if abs(len(name)-len(c)) > limit {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if d <= limit && (d < fewest || d == fewest && c < best) {
			best, fewest = c, d
		}
	}
	return best
}

// DidYouMean is `; did you mean "x"?`, the end of an error, for what [Suggest] returned:
// nothing for "".
func DidYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return "; did you mean " + Quote(suggestion) + "?"
}

// distance counts the edits that turn a into b, none of them within another (optimal
// string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

func abs(n int) int { return max(n, -n) }
