package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// files are the content of a bundle by path.
type files map[string]string

// directory writes files below a new directory.
func directory(t testing.TB, content files) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, content)
	return dir
}

func fill(t testing.TB, dir string, content files) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// entry is one entry of an archive: a regular file unless the header says otherwise.
type entry struct {
	header tar.Header
	body   string
}

func regular(name, body string) entry {
	return entry{tar.Header{Name: name}, body}
}

// tarball writes a tar stream with its end mark.
func tarball(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := e.header
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode = 0o644
		}
		if e.body != "" {
			h.Size = int64(len(e.body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatalf("write header %q: %v", h.Name, err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(t testing.TB, stream []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(stream); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archived(t testing.TB, content files) []byte {
	t.Helper()
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(content)) {
		entries = append(entries, regular(name, content[name]))
	}
	return zip(t, tarball(t, entries...))
}

// write puts bytes into a new file and returns its path.
func write(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, sources ...string) *Bundle {
	t.Helper()
	b, err := Load(t.Context(), DefaultLimits(), sources...)
	if err != nil {
		t.Fatalf("Load(%q): %v", sources, err)
	}
	return b
}

// refused checks that Load fails and names the cause.
func refused(t testing.TB, want string, sources ...string) {
	t.Helper()
	b, err := Load(t.Context(), DefaultLimits(), sources...)
	if err == nil {
		t.Errorf("Load = %+v, want %q", b, want)
		return
	}
	if b != nil {
		t.Errorf("Load returns a bundle with its error")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("Load = %q, want %q", err, want)
	}
}

// good is a bundle with one of everything.
var good = files{
	".manifest":             `{"revision": "r-1", "roots": ["model", "app", "app_test", "postern/extend", "a"], "rego_version": 1, "metadata": {"postern": {"entrypoints": {"check": "app/decision", "search": {"action": "app/actions"}}}, "other": 1}}`,
	"model/data.yaml":       "roles:\n  \"org:admin\": {name: Admin}\n",
	"model/plans/data.json": `{"pro": {"membership_limit": 20}}`,
	"a/b/data.yml":          "c: 1.50\n",
	"app/app.rego":          "# METADATA\n# description: The answer.\npackage app\n\ndefault decision := false\n",
	"app/app_test.rego":     "package app_test\n\ntest_it if true\n",
	"ext/extend.rego":       "package postern.extend\n\ndeny contains \"no\" if input.no\n",
	"README.md":             "read me",
	"notes.json":            `{"a": 1, "a": 2}`,
}

func TestLoad(t *testing.T) {
	b := load(t, directory(t, good))
	if b.Revision != "r-1" {
		t.Errorf("revision = %q, want r-1", b.Revision)
	}
	want := map[string]any{
		"model": map[string]any{
			"roles": map[string]any{"org:admin": map[string]any{"name": "Admin"}},
			"plans": map[string]any{"pro": map[string]any{"membership_limit": json.Number("20")}},
		},
		"a": map[string]any{"b": map[string]any{"c": json.Number("1.50")}},
	}
	if !reflect.DeepEqual(b.Data, want) {
		t.Errorf("data = %v, want %v", b.Data, want)
	}
	if got := slices.Sorted(maps.Keys(b.Modules)); !slices.Equal(got, []string{"app/app.rego", "ext/extend.rego"}) {
		t.Errorf("modules = %v", got)
	}
	if got := slices.Sorted(maps.Keys(b.Tests)); !slices.Equal(got, []string{"app/app_test.rego"}) {
		t.Errorf("tests = %v", got)
	}
	if notes := b.Modules["app/app.rego"].Annotations; len(notes) != 1 || notes[0].Description != "The answer." {
		t.Errorf("annotations = %v, want the description", notes)
	}
	if want := (Entrypoints{Check: "app/decision", Search: Search{Action: "app/actions"}}); b.Entrypoints != want {
		t.Errorf("entrypoints = %+v, want %+v", b.Entrypoints, want)
	}
	if b.Model == nil || b.Model.Roles["org:admin"].Name != "Admin" || *b.Model.Plans["pro"].MembershipLimit != 20 {
		t.Errorf("model = %+v", b.Model)
	}
	if len(b.Files) != 7 || b.Files[0] != (File{".manifest", len(good[".manifest"])}) {
		t.Errorf("files = %v", b.Files)
	}
	size := 0
	for name, text := range good {
		if name != "README.md" && name != "notes.json" { // which are ignored
			size += len(text)
		}
	}
	if b.Size() != size {
		t.Errorf("size = %d, want %d", b.Size(), size)
	}
	if slices.ContainsFunc(b.Warnings, func(w string) bool { return strings.Contains(w, "README.md") }) {
		t.Errorf("warnings %q: a README is no mistake", b.Warnings)
	}
	for _, name := range []string{"notes.json: ignored"} {
		if !slices.ContainsFunc(b.Warnings, func(w string) bool { return strings.HasPrefix(w, name) }) {
			t.Errorf("warnings = %q, want %q", b.Warnings, name)
		}
	}
}

func TestLoad_sameFromEverywhere(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, text := range good {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	dir := directory(t, good)
	fromDir := load(t, dir)
	fromArchive := load(t, write(t, archived(t, good)))
	fromFS, err := FromFS(fsys)
	if err != nil {
		t.Fatalf("FromFS: %v", err)
	}
	for what, b := range map[string]*Bundle{"archive": fromArchive, "file system": fromFS} {
		if b.Digest != fromDir.Digest {
			t.Errorf("digest of %s = %s, want %s", what, b.Digest, fromDir.Digest)
		}
		if !reflect.DeepEqual(b.Data, fromDir.Data) || !reflect.DeepEqual(b.Files, fromDir.Files) || !reflect.DeepEqual(b.Warnings, fromDir.Warnings) {
			t.Errorf("%s differs from the directory", what)
		}
	}
	got, err := Digest(t.Context(), DefaultLimits(), dir)
	if err != nil || got != fromDir.Digest {
		t.Errorf("Digest = %s, %v, want %s", got, err, fromDir.Digest)
	}
}

func TestDigest(t *testing.T) {
	digestOf := func(content files) string {
		t.Helper()
		d, err := Digest(t.Context(), DefaultLimits(), directory(t, content))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digestOf(files{"a/data.json": "{}", "b.rego": "package b"})
	if !strings.HasPrefix(base, "sha256:") || len(base) != 71 {
		t.Errorf("digest = %q", base)
	}
	for what, content := range map[string]files{
		"content":  {"a/data.json": "{ }", "b.rego": "package b"},
		"path":     {"b/data.json": "{}", "b.rego": "package b"},
		"one less": {"a/data.json": "{}"},
		"broken":   {"a/data.json": "{", "b.rego": "package b"},
	} {
		if got := digestOf(content); got == base {
			t.Errorf("another %s has the same digest", what)
		}
	}
	if got := digestOf(files{"a/data.json": "{}", "b.rego": "package b", "x.md": "ignored"}); got != base {
		t.Errorf("an ignored file changes the digest")
	}
}

// TestLoad_configuration: the configuration of a server may lie in a bundle's directory, and
// is neither data nor a mistake. Elsewhere in it the name means nothing.
func TestLoad_configuration(t *testing.T) {
	plain := load(t, directory(t, files{"data.json": `{"a": 1}`}))
	b := load(t, directory(t, files{"data.json": `{"a": 1}`, "postern.yaml": "issuers: none\n", "b/postern.yaml": "c: 1\n"}))
	if !reflect.DeepEqual(b.Data, plain.Data) || b.Digest != plain.Digest {
		t.Errorf("data = %v, digest %s, want %v, %s", b.Data, b.Digest, plain.Data, plain.Digest)
	}
	if len(b.Warnings) != 1 || !strings.HasPrefix(b.Warnings[0], "b/postern.yaml: ignored") {
		t.Errorf("warnings = %q, want one, about b/postern.yaml", b.Warnings)
	}
	refused(t, "nothing in it", directory(t, files{"postern.yaml": "model: {}\n"}))
}

func TestLoad_revisionFromDigest(t *testing.T) {
	b := load(t, directory(t, files{"data.json": `{"a": 1}`}))
	if want := strings.TrimPrefix(b.Digest, "sha256:")[:12]; b.Revision != want {
		t.Errorf("revision = %q, want %q", b.Revision, want)
	}
}

// TestLoad_writtenByOPA compares with what OPA's own reader makes of OPA's own archive.
func TestLoad_writtenByOPA(t *testing.T) {
	fromDir, err := opa.NewCustomReader(opa.NewDirectoryLoader(directory(t, good))).WithProcessAnnotations(true).Read()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := opa.NewWriter(&b).UseModulePath(true).DisableFormat(true).Write(fromDir); err != nil {
		t.Fatal(err)
	}
	theirs, err := opa.NewCustomReader(opa.NewTarballLoader(bytes.NewReader(b.Bytes()))).WithProcessAnnotations(true).Read()
	if err != nil {
		t.Fatal(err)
	}
	ours := load(t, write(t, b.Bytes()))
	if !reflect.DeepEqual(ours.Data, theirs.Data) {
		t.Errorf("data = %v, OPA has %v", ours.Data, theirs.Data)
	}
	if ours.Revision != theirs.Manifest.Revision {
		t.Errorf("revision = %q, OPA has %q", ours.Revision, theirs.Manifest.Revision)
	}
	if got, want := len(ours.Modules)+len(ours.Tests), len(theirs.Modules); got != want {
		t.Errorf("%d modules, OPA has %d", got, want)
	}
	for _, m := range theirs.Modules {
		name := strings.TrimLeft(m.Path, "/")
		mine := ours.Modules[name]
		if mine == nil {
			mine = ours.Tests[name]
		}
		if mine == nil || !mine.Equal(m.Parsed) {
			t.Errorf("module %s = %v, OPA has %v", name, mine, m.Parsed)
		}
	}
}

func TestLoad_severalSources(t *testing.T) {
	one := files{".manifest": `{"revision": "1", "roots": ["a", "c/d"], "metadata": {"postern": {"entrypoints": {"check": "a/x"}}}}`, "a/data.json": `{"k": 1}`, "c/d/x.rego": "package c.d\nx := 1"}
	two := files{".manifest": `{"revision": "2", "roots": ["b", "c/e"], "metadata": {"postern": {"entrypoints": {"check": "a/x", "route": "b/y"}}}}`, "b/data.json": `{"k": 2}`, "c/e/data.json": `{"k": 3}`, "c/d/x.rego": "package b\nx := 1"}
	first, second := directory(t, one), write(t, archived(t, two))
	b := load(t, first, second)
	if b.Revision != "1,2" {
		t.Errorf("revision = %q, want 1,2", b.Revision)
	}
	want := map[string]any{"a": map[string]any{"k": json.Number("1")}, "b": map[string]any{"k": json.Number("2")}, "c": map[string]any{"e": map[string]any{"k": json.Number("3")}}}
	if !reflect.DeepEqual(b.Data, want) {
		t.Errorf("data = %v, want %v", b.Data, want)
	}
	if b.Modules[first+"/c/d/x.rego"] == nil || b.Modules[second+"/c/d/x.rego"] == nil {
		t.Errorf("modules = %v, want one of each source", slices.Sorted(maps.Keys(b.Modules)))
	}
	if want := (Entrypoints{Check: "a/x", Route: "b/y"}); b.Entrypoints != want {
		t.Errorf("entrypoints = %+v, want %+v", b.Entrypoints, want)
	}
	if d, err := Digest(t.Context(), DefaultLimits(), first, second); err != nil || d != b.Digest {
		t.Errorf("Digest = %s, %v, want %s", d, err, b.Digest)
	}

	archive, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	mixed := []Source{{Name: first, Path: first}, {Name: "https://bundles.example/two.tar.gz", Archive: archive}}
	m, err := LoadSources(t.Context(), DefaultLimits(), mixed)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := DigestSources(t.Context(), DefaultLimits(), mixed); err != nil || d != b.Digest || m.Digest != d {
		t.Errorf("digests = %s and %s, %v, want %s: the same files", d, m.Digest, err, b.Digest)
	}
	if m.Modules["https://bundles.example/two.tar.gz/c/d/x.rego"] == nil {
		t.Errorf("modules = %v, want one of the URL", slices.Sorted(maps.Keys(m.Modules)))
	}
	for i, want := range []SourceSummary{{Name: first, Revision: "1"}, {Name: mixed[1].Name, Revision: "2"}} {
		if got := m.Sources[i]; got.Name != want.Name || got.Revision != want.Revision || !strings.HasPrefix(got.Digest, "sha256:") || got.Digest == m.Digest {
			t.Errorf("source %d = %+v, want %+v with a digest of its own", i, got, want)
		}
	}
	_, err = LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "https://bundles.example/two.tar.gz", Archive: []byte{}}})
	if err == nil || !strings.Contains(err.Error(), `bundle "https://bundles.example/two.tar.gz": the file is empty`) {
		t.Errorf("an empty answer: %v, want an error that names its source", err)
	}

	refused(t, `both have the root`, first, directory(t, files{".manifest": `{"roots": ["c"]}`, "c/data.json": `{"k": 3}`}))
	refused(t, `both have the root`, first, directory(t, files{"z/data.json": `{"k": 3}`}))
	refused(t, `both have the root`, first, first)
	refused(t, `entrypoint check is "b/z"`, first, directory(t, files{".manifest": `{"roots": ["b"], "metadata": {"postern": {"entrypoints": {"check": "b/z"}}}}`, "b/data.json": `{"k": 3}`}))
	bad := directory(t, files{".manifest": `{"roots": ["b"]}`, "b/data.json": `{"k": 3,}`})
	refused(t, bad+"/b/data.json:1:8: ", first, bad)
}

func TestLoad_nothing(t *testing.T) {
	refused(t, "no bundle source is given")
	refused(t, "the path is empty", "")
	refused(t, "no such file or directory", filepath.Join(t.TempDir(), "missing"))
	refused(t, "nothing in it", t.TempDir())
	refused(t, "nothing in it", directory(t, files{"README.md": "x", "x.json": "{}"}))
	refused(t, "nothing in it", directory(t, files{".manifest": `{"revision": "1"}`}))
	refused(t, "nothing in it", directory(t, files{"data.json": "{}"}))
	refused(t, "nothing in it", directory(t, files{"x_test.rego": "package x_test\ntest_a if true"}))
	refused(t, "nothing in it", write(t, archived(t, nil)))
	load(t, directory(t, files{"x.rego": "package x\na := 1"}))
	load(t, directory(t, files{"data.json": `{"a": 1}`}))
}

func TestLoad_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, source := range []string{directory(t, good), write(t, archived(t, good))} {
		if b, err := Load(ctx, DefaultLimits(), source); err == nil || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("Load = %v, %v, want it canceled", b, err)
		}
	}
}

func TestLoad_limits(t *testing.T) {
	content := files{"a/data.json": `{"a": [[[1]]]}`, "b.rego": "package b\nx := 1", "c/d/e/data.yaml": "f: {g: [1]}"}
	sources := []string{directory(t, content), write(t, archived(t, content))}
	f := func(change func(*Limits), want string) {
		t.Helper()
		for _, source := range sources {
			limits := DefaultLimits()
			change(&limits)
			if b, err := Load(t.Context(), limits, source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Load = %v, %v, want %q", b, err, want)
			}
		}
	}
	f(func(l *Limits) { l.Module = 15 }, "b.rego: 16 bytes are more than the limit of 15")
	f(func(l *Limits) { l.Modules = 15 }, "b.rego: with it the Rego files are larger than 15 bytes in all")
	f(func(l *Limits) { l.FileBytes = 10 }, "c/d/e/data.yaml: 11 bytes are more than the limit of 10")
	f(func(l *Limits) { l.DataBytes = 13 }, "a/data.json: 14 bytes are more than the limit of 13")
	f(func(l *Limits) { l.TotalBytes = 31 }, "than")
	f(func(l *Limits) { l.Files = 2 }, "more than 2 files")
	f(func(l *Limits) { l.Depth = 3 }, "c/d/e/data.yaml")
	f(func(l *Limits) { l.Depth = 2 }, "deep")
	f(func(l *Limits) { *l = Limits{} }, "than")
}

// TestLoad_manyOrganizations loads the data of a large customer, with a mistake as well.
func TestLoad_manyOrganizations(t *testing.T) {
	var b strings.Builder
	b.WriteString("{\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "  \"org_%06d\": {\"name\": \"Organization %d\", \"plan\": \"pro\", \"role_set\": \"starter\", \"membership_limit\": %d, \"suspended\": false, \"domains\": {\"o%d.example.com\": \"automatic_invitation\"}},\n", i, i, i, i)
	}
	b.WriteString("  \"org_last\": {\"plan\": \"pro\"}\n}\n")
	model := "plans: {pro: {}}\nrole_sets: {starter: {roles: [\"org:a\"]}}\n"
	content := files{"model/organizations/data.json": b.String(), "model/data.yaml": model}
	if got := load(t, directory(t, content)); len(got.Model.Organizations) != 100_001 {
		t.Errorf("%d organizations, want 100001", len(got.Model.Organizations))
	}
	content["model/organizations/data.json"] = strings.Replace(b.String(), `"org_last": {"plan": "pro"}`, `"org_last": {"plan": "prow"}`, 1)
	refused(t, `model/organizations/data.json:100002:24: plan "prow" is not defined in plans; did you mean "pro"?`, directory(t, content))
}

func BenchmarkLoad(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"model": {"organizations": {"org_0": {}`)
	for i := range 100_000 {
		fmt.Fprintf(&s, `, "org_%06d": {"name": "Organization %d", "plan": "pro", "membership_limit": %d, "domains": {"o%d.example.com": "automatic_invitation"}, "description": "a line of text that makes the entry as long as those in use are"}`, i, i, i, i)
	}
	s.WriteString("}}}")
	dir := directory(b, files{"data.json": s.String()})
	b.SetBytes(int64(s.Len()))
	b.ResetTimer()
	for b.Loop() {
		load(b, dir)
	}
}
