package bundle

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// edge loads a bundle at a limit, and refuses it beyond.
func edge(t *testing.T, name string, content files, n int, change func(*Limits, int), want string) {
	t.Helper()
	for _, source := range []string{directory(t, content), write(t, archived(t, content))} {
		limits := DefaultLimits()
		change(&limits, n)
		if _, err := Load(t.Context(), limits, source); err != nil {
			t.Errorf("%s: with a limit of %d: %v", name, n, err)
		}
		change(&limits, n-1)
		if b, err := Load(t.Context(), limits, source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: with a limit of %d: %v, %v, want %q", name, n-1, b, err, want)
		}
	}
}

// TestLimits_values: each value counts, whatever file it is in, and an object as four.
func TestLimits_values(t *testing.T) {
	values := func(l *Limits, n int) { l.Values = n }
	f := func(name string, content files, n int, in string) {
		t.Helper()
		edge(t, name, content, n, values, fmt.Sprintf("%s: more than %d values in the data of the bundle, where an object counts as 4", in, n-1))
	}
	f("numbers", files{"a/data.json": `{"b": [0, 1, 0]}`}, 8, "a/data.json:1:12")
	f("empty objects", files{"a/data.json": `{"b": [{}, {}]}`}, 13, "a/data.json:1:13")
	f("members", files{"a/data.json": `{"b": null, "c": true, "d": "x"}`}, 7, "a/data.json:1:27")
	f("nested", files{"a/data.json": `{"b": {"c": {"d": []}}}`}, 13, "a/data.json:1:17")
	f("numbers in YAML", files{"a/data.yaml": "b: [0, 1, 0]\n"}, 8, "a/data.yaml:1:4")
	f("empty lists in YAML", files{"a/data.yaml": "b:\n- []\n- []\n"}, 7, "a/data.yaml:2:1")
	f("objects in YAML", files{"a/data.yaml": "b:\n  c: {}\n"}, 12, "a/data.yaml:2:6")
	f("several files", files{"a/data.json": `{"b": [0]}`, "c/data.yaml": "d: 1\n", "e/data.json": `{"f": 0}`}, 16, "e/data.json:1:5")
	f("the manifest", files{".manifest": `{"revision": "1", "roots": [""]}`, "a/data.json": `{"b": 0}`}, 12, "a/data.json:1:5")
	f("the manifest alone", files{".manifest": `{"roots": ["a"]}`, "b.rego": "package a\nx := 1"}, 6, ".manifest:1:12")
}

func TestLimits_nodes(t *testing.T) {
	nodes := func(l *Limits, n int) { l.Nodes = n }
	f := func(text string, n int) {
		t.Helper()
		edge(t, text, files{"a/data.yaml": text}, n, nodes, fmt.Sprintf("a/data.yaml: may have %d nodes, of which", n))
	}
	f("a: 1\n", 3)
	f("a: [0, 1]\n", 7)
	f("a:\n- 0\n- 1\n", 5)
	f("? a\n: {b: c}\n", 9)
	f("a: \"-,:?[{\"\n", 14)
}

// TestLimits_rego: the bytes of one Rego file and of all, and their words and marks; tests
// count as the rest does.
func TestLimits_rego(t *testing.T) {
	content := files{"a.rego": "package a\nx := 1\n", "b_test.rego": "package b_test\ny if {\n\ttrue\n} # é_1\n"}
	f := func(n int, change func(*Limits, int), want string) {
		t.Helper()
		edge(t, want, content, n, change, want)
	}
	f(len(content["b_test.rego"]), func(l *Limits, n int) { l.Module = int64(n) }, "b_test.rego: 37 bytes are more than the limit of 36")
	f(54, func(l *Limits, n int) { l.Modules = int64(n) }, "b_test.rego: with it the Rego files are larger than 53 bytes in all")
	f(15, func(l *Limits, n int) { l.Tokens = n }, "b_test.rego: with it the Rego files have 15 words and marks, more than 14")
}

// TestLimits_hostile: archives of some kilobytes that are millions of values are refused
// before those take memory. What is counted is all that is allocated, collected or not.
func TestLimits_hostile(t *testing.T) {
	f := func(name string, most uint64, want string, entries ...entry) {
		t.Helper()
		var archive bytes.Buffer
		w, err := gzip.NewWriterLevel(&archive, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(tarball(t, entries...)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "b", Archive: archive.Bytes()}})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > most {
			t.Errorf("%s: an archive of %d KiB takes %d MiB, more than %d", name, archive.Len()>>10, took, most)
		}
	}
	each := func(name, open, unit, end string, n int) []entry {
		var entries []entry
		for _, dir := range []string{"a", "b", "c", "d", "e"} {
			entries = append(entries, regular(dir+"/"+name, open+strings.Repeat(unit, n/len(unit))+end))
		}
		return entries
	}
	const (
		large  = 24 << 20
		values = "a/data.json:1:"
	)
	one := func(unit string) entry {
		return regular("a/data.json", `{"a": [`+strings.Repeat(unit, large/len(unit))+`0]}`)
	}
	f("numbers", 800, values, one("0,"))
	f("objects", 400, values, one("{},"))
	f("members", 800, values, one(strings.Repeat(`{"a":`, 120)+"0"+strings.Repeat("}", 120)+","))
	f("YAML", 200, "a/data.yaml: may have ", each("data.yaml", "a: [", "[],", "0]\n", 6<<20)...)
	f("Rego", 5, "a/x.rego: 15728640 bytes are more than the limit of 1048576", each("x.rego", "package a\nx := [", "[],", "0]", 15<<20-17)...)
	f("less Rego", 40, "a/x.rego: with it the Rego files have ", each("x.rego", "package a\nx := [", "[],", "0]", 800<<10)...)
}

// TestLimits_signature: neither a signature nor what lies beside an old one is decoded
// beyond what it may be.
func TestLimits_signature(t *testing.T) {
	text := `{"signatures": [` + strings.Repeat("0,", 300_000) + `0]}`
	if _, err := parseStatement([]byte(text)); err == nil || !strings.Contains(err.Error(), "more than 200000 values") {
		t.Errorf("a signature of 300,000 numbers: %v", err)
	}
	signers := []Signer{releases(t)}
	replayed := with(forgery{}.over(t, files{"a/data.json": `{"k": 1}`}), "a/data.json", `{"k": `, "b/data.json", "{}")
	_, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "p", Path: directory(t, replayed), Signers: signers}})
	if err == nil || !strings.Contains(err.Error(), "b/data.json: is not in the list that was signed") || strings.Contains(err.Error(), "a/data.json") {
		t.Errorf("files beside an old signature: %v, want it not to look into them", err)
	}
	swapped := with(forgery{}.over(t, files{"a/data.json": `{"k": 1}`}), "a/data.json", `{"k": [0, 0, 0]}`)
	limits := DefaultLimits()
	limits.Values = 7
	_, err = LoadSources(t.Context(), limits, []Source{{Name: "p", Path: directory(t, swapped), Signers: signers}})
	if err == nil || !strings.Contains(err.Error(), "a/data.json: more than 7 values") {
		t.Errorf("a swapped file: %v, want it to be refused by its values", err)
	}
}

// FuzzNodesAtMost: no text of YAML has more nodes than are counted in it.
func FuzzNodesAtMost(f *testing.F) {
	for _, text := range []string{"a: 1", "? a", "? ? ? a", "[a: b, c: ]", "[? a : b]", "{a, b: c, ? d}", "- - a\n-\n- b: c\n  d:", "{a: [], ? : }", "&a [*a, *a]",
		"[\"a\":1,'b':2]", "--- a\n--- b", "- ? - a\n  : - b", "[?,?,:,:]", "\xff\xfe[\x00,\x00]\x00", "a: |\n  b: c\n", "[ : a, [: ], {:}]", "!!map {? }"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer func() { _ = recover() }() // what the parser gives up on has no nodes
		d := yaml.NewDecoder(bytes.NewReader(text))
		all := 0
		for {
			var document yaml.Node
			err := d.Decode(&document)
			if err != nil {
				if err != io.EOF && all == 0 {
					return
				}
				break
			}
			all += nodesOf(&document) - 1
			if most := nodesAtMost(text); all > most {
				t.Fatalf("%q has %d nodes, and %d are counted", text, all, most)
			}
		}
	})
}

// nodesOf is how many nodes there are below a node, and itself.
func nodesOf(n *yaml.Node) int {
	all := 1
	for _, below := range n.Content {
		all += nodesOf(below)
	}
	return all
}
