package config

import "slices"

// suggestion returns ", did you mean …?" for the name nearest to text, or nothing where
// none is near.
func suggestion(text string, names []string) string {
	if n := nearest(text, names); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

// nearest returns the name with the fewest edits from text, at most a third of its
// length and three, or "".
func nearest(text string, names []string) string {
	best, fewest := "", 4
	for _, name := range slices.Sorted(slices.Values(names)) {
		if len(text) > len(name)+3 || len(name) > len(text)+3 {
			continue
		}
		if d := distance(text, name); d < fewest && d <= (len(name)+2)/3 {
			best, fewest = name, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of neighbours that
// turn a into b (optimal string alignment).
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
