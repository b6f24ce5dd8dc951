package bundle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestNotBefore(t *testing.T) {
	one := func(revision, digest string) SourceSummary {
		return SourceSummary{Name: "policies", Revision: revision, Digest: digest}
	}
	f := func(old, new SourceSummary, want string) {
		t.Helper()
		err := NotBefore(old, new)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("NotBefore(%+v, %+v) = %v, want %q", old, new, err, want)
		}
	}
	none := SourceSummary{}
	f(none, one("0", "a"), "")
	f(none, one("v1.2.3", "a"), "")
	f(one("1", "a"), one("2", "b"), "")
	f(one("9", "a"), one("10", "b"), "")
	f(one("1.9", "a"), one("1.10", "b"), "")
	f(one("1.2", "a"), one("1.2.0", "b"), "")
	f(one("v1.2", "a"), one("1.3", "b"), "")
	f(one("1", "a"), one("1", "a"), "")
	f(one("1", "a"), one("v1", "a"), "")
	f(one("9223372036854775806", "a"), one("9223372036854775807", "b"), "")

	// Attack 160: rollback, the same revision with other content, and none.
	f(one("2", "a"), one("1", "b"), `bundle "policies": revision 1 is lower than 2`)
	f(one("10", "a"), one("9", "b"), "lower")
	f(one("2", "a"), one("1", "a"), "lower")
	f(one("1.2.0", "a"), one("1.2", "b"), "lower")
	f(one("1", "a"), one("1", "b"), "was accepted before with other content")
	f(one("1.2", "a"), one("v1.2", "b"), "was accepted before with other content")
	f(one("1", "a"), one("", "b"), "states no revision")
	f(one("1", "a"), SourceSummary{Name: "p", Revision: "123456789012", Digest: "b", Derived: true}, "states no revision")
	for _, bad := range []string{"r1", "1.", ".1", "1..2", "01", "1.02", "-1", "+1", "1 ", "1e3", "0x1", "1_000", "v", "vv1", "V1", "1v", "٣", "1-rc1", "9223372036854775808", "99999999999999999999", "1,2"} {
		f(none, one(bad, "a"), "is not numbers joined by dots")
		f(one("1", "a"), one(bad, "a"), "is not numbers joined by dots")
	}
	f(one("r-1", "a"), one("2", "b"), "what was accepted last")
	f(SourceSummary{Name: "p", Derived: true}, one("2", "b"), "what was accepted last")
}

// Revisions have a total order: of two with other content exactly one may follow the other,
// unless they are the same, and what may follow is transitive.
func TestNotBefore_order(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	revision := func(i int) SourceSummary {
		numbers := make([]string, 1+random.IntN(3))
		for i := range numbers {
			numbers[i] = fmt.Sprint([]int64{0, 1, 2, 9, 10, 11, 99, 100, 1<<63 - 1}[random.IntN(9)])
		}
		return SourceSummary{Name: "p", Revision: []string{"", "v"}[random.IntN(2)] + strings.Join(numbers, "."), Digest: fmt.Sprint(i)}
	}
	all := make([]SourceSummary, 60)
	for i := range all {
		all[i] = revision(i)
	}
	follows := func(a, b SourceSummary) bool { return NotBefore(a, b) == nil }
	equal := func(a, b SourceSummary) bool {
		return strings.TrimPrefix(a.Revision, "v") == strings.TrimPrefix(b.Revision, "v")
	}
	for _, a := range all {
		if !follows(a, a) {
			t.Fatalf("%v does not follow itself", a)
		}
		for _, b := range all {
			if a == b {
				continue
			}
			if both := follows(a, b) != follows(b, a); both == equal(a, b) {
				t.Fatalf("%v and %v: %t and %t", a, b, follows(a, b), follows(b, a))
			}
			for _, c := range all {
				if follows(a, b) && follows(b, c) && a != c && !follows(a, c) {
					t.Fatalf("%v, %v, %v are no order", a, b, c)
				}
			}
		}
	}
	// However they are delivered, what is served is the latest so far.
	for range 200 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		served := SourceSummary{}
		for _, next := range all {
			if follows(served, next) {
				served = next
			}
		}
		if slices.ContainsFunc(all, func(s SourceSummary) bool { return !equal(s, served) && follows(served, s) }) {
			t.Fatalf("%v is not the latest", served)
		}
	}
}

// What is compared is what the sources say, however often they are signed.
func TestNotBefore_loaded(t *testing.T) {
	content := files{".manifest": `{"revision": "7", "roots": ["a"]}`, "a/data.json": `{"k": 1}`, "NOTICE": "text"}
	summary := func(content files, signers ...Signer) SourceSummary {
		t.Helper()
		b, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "p", Archive: archived(t, content), Signers: signers, Now: clock}})
		if err != nil {
			t.Fatal(err)
		}
		return b.Sources[0]
	}
	first := summary(forgery{}.over(t, content), releases(t))
	second := summary(forgery{header: `{"alg":"RS256","kid":"b"}`, sign: rs256(otherKey())}.over(t, with(content, "NOTICE", "other")),
		Signer{KeyID: "b", Algorithm: "RS256", Key: publicPEM(t, otherKey())})
	if err := NotBefore(first, second); err != nil {
		t.Errorf("signed anew: %v", err)
	}
	changed := with(content, "a/data.json", `{"k": 2}`)
	if err := NotBefore(first, summary(forgery{}.over(t, changed), releases(t))); err == nil {
		t.Error("other content under the same revision is accepted")
	}
	if err := NotBefore(SourceSummary{}, summary(with(content, ".manifest", `{"roots": ["a"]}`))); err == nil || !strings.Contains(err.Error(), "states no revision") {
		t.Errorf("no revision: %v", err)
	}
}
