package routematcher

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// answers are what path-to-regexp itself says; testdata/generate.mjs makes them.
type answers struct {
	Paths   []string `json:"paths"`
	Answers []answer `json:"answers"`
}

// An answer says for one pattern which paths it matches, in hexadecimal digits of four
// paths each, or that it throws.
type answer struct {
	Pattern string `json:"pattern"`
	Throws  bool   `json:"throws"`
	Matches string `json:"matches"`
}

func (a answer) matches(i int) bool {
	digit := strings.IndexByte("0123456789abcdef", a.Matches[i/4])
	return digit>>(3-i%4)&1 == 1
}

func readAnswers(t testing.TB) answers {
	t.Helper()
	raw, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var a answers
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// A tally counts what was compared.
type tally struct{ equal, narrower, matched int }

// compare asks every path, where want says what the list answers.
func (c *tally) compare(t *testing.T, patterns []string, r imported, paths []string, want func(i int) bool) {
	t.Helper()
	for i, raw := range paths {
		got, path := r.ask(raw)
		switch {
		case got == want(i):
			c.equal++
			if got {
				c.matched++
			}
		case got:
			t.Errorf("%q match %s as %+v, and the list does not", patterns, raw, r.Entries)
		case r.explains(path):
			c.narrower++
		default:
			t.Errorf("%q do not match %s, and nothing says so: %+v", patterns, raw, r.Translation)
		}
	}
}

// TestAnswers compares every pattern with path-to-regexp on every path: what throws there
// is refused, what is called invalid throws there, and what is translated matches no more.
func TestAnswers(t *testing.T) {
	all := readAnswers(t)
	var c tally
	translated := 0
	for _, a := range all.Answers {
		r, err := carry(t, list(a.Pattern))
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Invalid != a.Throws:
			// An expression within a group is read by JavaScript alone.
			if refusal.Invalid || !strings.Contains(a.Pattern, "(") {
				t.Errorf("Translate(%q) = %v, and it throws: %v", a.Pattern, err, a.Throws)
			}
		case err != nil:
		case a.Throws:
			t.Errorf("Translate(%q) = %+v, and it throws", a.Pattern, r.Translation)
		default:
			translated++
			c.compare(t, []string{a.Pattern}, r, all.Paths, a.matches)
		}
	}
	t.Logf("%d patterns, %d translated, %d paths: %+v", len(all.Answers), translated, len(all.Paths), c)
	if translated < 250 || c.matched < 5_000 || c.narrower < 1_000 {
		t.Errorf("%d translated, %+v: the patterns show too little", translated, c)
	}
}

// TestAnswers_lists does the same with patterns together, which repeat, cover and cross
// each other. A list matches what any of its patterns does.
func TestAnswers_lists(t *testing.T) {
	all := readAnswers(t)
	var whole []answer
	for _, a := range all.Answers {
		if _, err := Translate(list(a.Pattern)); err == nil {
			whole = append(whole, a)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var c tally
	translated, divided, refused := 0, 0, 0
	for range 600 {
		var chosen []answer
		var patterns []string
		for range 2 + rng.IntN(4) {
			a := whole[rng.IntN(len(whole))]
			chosen, patterns = append(chosen, a), append(patterns, a.Pattern)
		}
		r, err := carry(t, list(patterns...))
		if err != nil {
			refused++
			continue
		}
		translated++
		for _, e := range r.Entries {
			if strings.Contains(strings.Join(e.Notes, " "), "in parts") {
				divided++
			}
		}
		c.compare(t, patterns, r, all.Paths, func(i int) bool {
			for _, a := range chosen {
				if a.matches(i) {
					return true
				}
			}
			return false
		})
	}
	t.Logf("%d lists translated, %d patterns divided, %d lists refused: %+v", translated, divided, refused, c)
	if translated < 200 || divided < 10 || refused < 20 {
		t.Errorf("%d translated, %d divided, %d refused: the lists show too little", translated, divided, refused)
	}
}
