package bundle

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"postern/sidecar/phrase"
)

// NotBefore refuses a source that is older than the one that was accepted last: with a
// lower revision, or with the same revision and other content. Revisions are compared
// number by number, and of two where one begins with the other, the longer is the later.
// Without an old one, which is the zero SourceSummary, it only asks for a revision that
// can be ordered: numbers below 2^63 joined by dots, without leading zeros, behind a v or
// not. It keeps nothing: the caller knows what was accepted, also before a restart.
func NotBefore(old, new SourceSummary) error {
	next, err := orderOf(new)
	if err != nil {
		return err
	}
	if old == (SourceSummary{}) {
		return nil
	}
	last, err := orderOf(old)
	if err != nil {
		return fmt.Errorf("what was accepted last: %w: nothing can be told to be later", err)
	}
	switch order := slices.Compare(next, last); {
	case order < 0:
		return fmt.Errorf("bundle %q: revision %s is lower than %s, which was accepted before", new.Name, new.Revision, old.Revision)
	case order == 0 && new.Digest != old.Digest:
		return fmt.Errorf("bundle %q: revision %s was accepted before with other content", new.Name, new.Revision)
	}
	return nil
}

// orderOf is the revision of a source as numbers.
func orderOf(s SourceSummary) ([]uint64, error) {
	if s.Derived || s.Revision == "" {
		return nil, fmt.Errorf("bundle %q: its %s states no revision, and its revisions are ordered", s.Name, manifestName)
	}
	numbers := strings.Split(strings.TrimPrefix(s.Revision, "v"), ".")
	order := make([]uint64, len(numbers))
	for i, text := range numbers {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n > math.MaxInt64 || text != strconv.FormatUint(n, 10) {
			return nil, fmt.Errorf("bundle %q: revision %s is not numbers joined by dots, such as 42 or v1.2.3, and its revisions are ordered",
				s.Name, phrase.Quote(s.Revision))
		}
		order[i] = n
	}
	return order, nil
}
