package model

import "iter"

// Suggest is `; did you mean "x"?` for the candidate nearest to a name that is not
// known, and nothing where no candidate is near. Of equally near ones it takes the
// first in order.
func Suggest(name string, candidates iter.Seq[string]) string {
	most := min(3, len(name)/3)
	if len(name) > 2 {
		most = max(2, most)
	}
	best, nearest := "", most+1
	for c := range candidates {
		d := distance(name, c, nearest)
		if d < min(nearest, len(name)) || d == nearest && best != "" && c < best {
			best, nearest = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + quote(best) + "?"
}

// distance counts the octets to insert, delete, replace or swap with their neighbour
// to make b of a. It gives up at more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
