package policy_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// A weakening is a key that leaves something out. That random programs find two inputs with
// one such key and two decisions shows that they would find the same of the real one.
type weakening struct {
	name string
	// certain is whether even a short run finds it out; harmless, that none may. What is
	// neither, rules hardly ever tell apart: TestKey_weakened does.
	certain, harmless bool
	paths             func(policy.ReadPath) [][]string
	w                 weakly
}

// weakly is what a key does without.
type weakly struct {
	depth, kind, end, length, mark, digits, names bool
}

func asRead(p policy.ReadPath) [][]string { return [][]string{p.Names} }

var weakenings = []weakening{
	{name: "nothing left out", harmless: true, paths: asRead},
	{name: "paths one shorter", harmless: true, paths: func(p policy.ReadPath) [][]string { return [][]string{p.Names[:max(1, len(p.Names)-1)]} }},
	{name: "depth", paths: asRead, w: weakly{depth: true}},
	{name: "kind", paths: asRead, w: weakly{kind: true}},
	{name: "where paths end", paths: asRead, w: weakly{end: true}},
	{name: "lengths", paths: asRead, w: weakly{length: true}},
	{name: "types", certain: true, paths: asRead, w: weakly{mark: true}},
	{name: "digits of numbers", paths: asRead, w: weakly{digits: true}},
	{name: "names of members", paths: asRead, w: weakly{names: true}},
	{name: "paths one longer", certain: true, paths: func(p policy.ReadPath) [][]string {
		return [][]string{append(p.Names[:len(p.Names):len(p.Names)], "a")}
	}},
	{name: "paths of three names", certain: true, paths: func(p policy.ReadPath) [][]string {
		if len(p.Names) == 3 {
			return nil
		}
		return asRead(p)
	}},
	{name: "replaced paths", paths: func(p policy.ReadPath) [][]string {
		if p.Replaced {
			return nil
		}
		return asRead(p)
	}},
}

// A weakKey remembers what was decided under the keys of one weakening.
type weakKey struct {
	weakening
	all   [][]string
	known map[string]decision.Decision
	found bool
}

func (d *differential) weakenings(t *testing.T) []weakKey {
	t.Helper()
	read, shared := d.policy.Paths(d.asked)
	if !shared {
		return nil
	}
	made := make([]weakKey, len(weakenings))
	for i, w := range weakenings {
		made[i] = weakKey{weakening: w, known: map[string]decision.Decision{}}
		for _, p := range read {
			made[i].all = append(made[i].all, w.paths(p)...)
		}
	}
	return made
}

func (d *differential) document(t *testing.T, c programCase) ast.Value {
	t.Helper()
	var made policy.Keyed
	var err error
	switch d.asked {
	case "route":
		made, err = d.policy.KeyRoute(c.input(t), c.proxied(t))
	case "evaluate":
		made, err = d.policy.KeyEvaluate(c.input(t), c.evaluation())
	default:
		made, err = d.policy.KeyCheck(c.input(t), c.question(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return made.Document
}

// compare looks whether the key of a document stood for another decision.
func (k *weakKey) compare(t *testing.T, document ast.Value, made decision.Decision, seen tally) {
	t.Helper()
	text := ""
	for _, path := range k.all {
		text += k.w.path(document, path)
	}
	known, twice := k.known[text]
	if k.known[text] = made; !twice || equalDecisions(known, made) || k.found {
		return
	}
	k.found = true
	seen["without "+k.name]++
	if k.harmless {
		t.Errorf("%s: one key for %+v and %+v", k.name, known, made)
	}
}

// path is what a path leads to, as package policy's keys have it, less what is left out.
func (w weakly) path(v ast.Value, names []string) string {
	for depth, name := range names {
		next := below(v, name)
		if next == nil {
			return w.ending(depth, v)
		}
		v = next
	}
	return "v" + w.value(v)
}

func (w weakly) ending(depth int, v ast.Value) string {
	switch {
	case w.end:
		return "e"
	case w.depth:
		return "e" + kind(v) + ";"
	case w.kind:
		return fmt.Sprintf("e%d;", depth)
	}
	return fmt.Sprintf("e%d%s;", depth, kind(v))
}

func (w weakly) value(v ast.Value) string {
	text := ""
	if !w.mark {
		text = kind(v) + ";"
	}
	length := func(n int) string {
		if w.length {
			return ""
		}
		return strconv.Itoa(n) + ";"
	}
	switch v := v.(type) {
	case ast.Number:
		digits := string(v)
		if f, ok := v.Float64(); ok && w.digits {
			digits = strconv.FormatFloat(f, 'g', -1, 64)
		}
		return text + length(len(digits)) + digits
	case ast.String:
		return text + length(len(v)) + string(v)
	case *ast.Array:
		text += length(v.Len())
		v.Foreach(func(x *ast.Term) { text += w.value(x.Value) })
	case ast.Object:
		text += length(v.Len())
		v.Foreach(func(name, x *ast.Term) {
			if !w.names {
				text += w.value(name.Value)
			}
			text += w.value(x.Value)
		})
	case ast.Null, ast.Boolean:
		if w.mark {
			text += v.String()
		}
	}
	return text
}

// reportWeakenings says how many programs found each out.
func reportWeakenings(t *testing.T, seen tally) {
	t.Helper()
	for _, w := range weakenings {
		t.Logf("without %s: found by %d programs of %d", w.name, seen["without "+w.name], seen["programs"])
		if w.certain && seen["without "+w.name] == 0 && !briefly() {
			t.Errorf("no program of %d finds out a key without %s", seen["programs"], w.name)
		}
	}
}

// TestKey_weakened: the tricky values find out each key that leaves something out.
func TestKey_weakened(t *testing.T) {
	t.Parallel()
	for _, k := range weakenings {
		if k.w == (weakly{}) {
			continue
		}
		if !slices.ContainsFunc(trickyPaths, k.isFound) {
			t.Errorf("no two of the tricky values find out a key without %s", k.name)
		}
	}
}

// isFound reports whether two values have one key though what is read of them differs.
func (k *weakening) isFound(spec string) bool {
	known := map[string]ast.Value{}
	for _, raw := range trickyValues {
		_, value, ok := policy.AppendKey(raw)
		if !ok {
			continue
		}
		text, differs := "", false
		for _, path := range pathsOf(spec) {
			text += k.w.path(value, path)
		}
		if other, twice := known[text]; twice {
			for _, path := range pathsOf(spec) {
				differs = differs || !sameEnd(value, other, path)
			}
			if differs {
				return true
			}
		}
		known[text] = value
	}
	return false
}
