package bundle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"postern/sidecar/phrase"
)

// overlap is OPA's rule: one of the roots is the other, or a prefix of it by segments.
// The root "" overlaps with every one.
func overlap(a, b string) bool {
	return opa.RootPathsOverlap(a, b)
}

// contains reports whether one of the roots holds the path. It compares segments, so a
// slash in a data key is not a separator.
func contains(roots, at []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		if root == "" {
			return true
		}
		segments := strings.Split(root, "/")
		return len(segments) <= len(at) && slices.Equal(segments, at[:len(segments)])
	})
}

// leads reports whether a root lies below the path.
func leads(roots, at []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		segments := strings.Split(root, "/")
		return len(at) < len(segments) && slices.Equal(segments[:len(at)], at)
	})
}

// permitted checks that the value at a data path lies in the roots.
func permitted(roots, at []string, value any) error {
	if contains(roots, at) {
		return nil
	}
	members, ok := value.(map[string]any)
	if !ok || len(at) > 0 && !leads(roots, at) {
		return fmt.Errorf("data at %s is outside the roots of the manifest, %s", phrase.Quote(strings.Join(at, "/")), list(roots))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := permitted(roots, append(slices.Clip(at), name), members[name]); err != nil {
			return err
		}
	}
	return nil
}

// list writes a few names for people.
func list(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "of which it has none"
	}
	quoted := make([]string, 0, most+1)
	for i, name := range names {
		if i == most {
			quoted = append(quoted, "…")
			break
		}
		quoted = append(quoted, phrase.Quote(name))
	}
	return strings.Join(quoted, ", ")
}
