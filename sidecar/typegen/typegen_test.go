package typegen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/bundles"
	"postern/sidecar/bundle"
	"postern/sidecar/model"
	"postern/sidecar/typegen"
)

var update = flag.Bool("update", false, "write the golden files")

// hostile is what tries to leave a string, a comment or a line.
const hostile = "end */ \"'`\\\r\n\u2028${x}//\x00\x1b[31m\u202e /* @ts-expect-error"

// demo is the model of the embedded bundle.
func demo(t *testing.T) *model.Model {
	t.Helper()
	b, err := bundle.FromFS(bundles.Demo())
	if err != nil {
		t.Fatal(err)
	}
	return b.Model
}

// hostileModel has names of every sort that a document can bring past the checks, and
// many that it cannot.
func hostileModel() *model.Model {
	return &model.Model{
		Permissions: map[string]model.Permission{
			"org:a:b": {Name: hostile, Description: "@ts-ignore"}, "org:a_b:c": {}, "org:a:b_c": {Name: "@ts-ignore"},
			hostile: {Feature: hostile}, "s": {}, "ünï:x": {}, "***": {}, "2fa": {}, "org:": {}, "org:sys_profile:manage": {Name: hostile},
		},
		Roles:    map[string]model.Role{"org:set": {Name: hostile}, "org:set_x": {}, "s": {}, "set": {}, "a'b": {}, `a"b`: {}, "a\u00a0b": {}},
		RoleSets: map[string]model.RoleSet{"x": {Roles: []string{"org:of_set"}}, "s": {}, hostile: {}},
		Plans:    map[string]model.Plan{"a-b": {Features: []string{"a-b", "a_b"}}, "A-B": {}, "日本": {}, "": {}},
	}
}

// all are the names of every kind that m has, found another way than by the package.
func all(m *model.Model) map[string][]string {
	names := map[string]map[string]bool{
		"Role": {}, "Permission": {}, "SystemPermission": {}, "Feature": {}, "Plan": {}, "RoleSet": {},
	}
	for _, p := range model.SystemPermissions {
		names["SystemPermission"][p] = true
	}
	for key, p := range m.Permissions {
		if strings.HasPrefix(key, "org:sys_") {
			names["SystemPermission"][key] = true
		} else {
			names["Permission"][key] = true
		}
		if p.Feature != "" {
			names["Feature"][p.Feature] = true
		}
	}
	for key := range m.Roles {
		names["Role"][key] = true
	}
	for key, set := range m.RoleSets {
		names["RoleSet"][key] = true
		for _, r := range set.Roles {
			names["Role"][r] = true
		}
	}
	for key, p := range m.Plans {
		names["Plan"][key] = true
		for _, f := range p.Features {
			names["Feature"][f] = true
		}
	}
	sorted := map[string][]string{}
	for kind, set := range names {
		sorted[kind] = []string{}
		for key := range set {
			sorted[kind] = append(sorted[kind], key)
		}
		slices.Sort(sorted[kind])
	}
	return sorted
}

func TestGolden(t *testing.T) {
	source, err := typegen.Go(demo(t), "authz")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"demo.ts": typegen.TypeScript(demo(t)), "demo.go.txt": source} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; run with -update and look at the change:\n%s", path, got)
		}
	}
}

// TestReferred: a name without the section that would define it is a name all the same.
func TestReferred(t *testing.T) {
	m := &model.Model{
		RoleSets:      map[string]model.RoleSet{"x": {DefaultRole: "org:a", CreatorRole: "org:b"}},
		Roles:         map[string]model.Role{"org:r": {Includes: []string{"org:c"}, Permissions: []string{"org:f:a", "org:sys_x:y"}}},
		Plans:         map[string]model.Plan{"p": {RoleSet: "y"}},
		Organizations: map[string]model.Organization{"o": {Plan: "q", RoleSet: "z"}},
		Settings:      model.Settings{OwnerRole: "org:d", DefaultPlan: "r", DefaultRoleSet: "v", MinimumPermissions: []string{"org:g:a"}},
	}
	got := compiled(t, m, "authz")
	for kind, want := range map[string]string{
		"Role": "org:a org:b org:c org:d org:r", "Permission": "org:f:a org:g:a", "Plan": "p q r", "RoleSet": "v x y z", "Feature": "",
	} {
		if have := strings.Join(got[kind], " "); have != want {
			t.Errorf("%s: %s, want %s", kind, have, want)
		}
	}
	if !slices.Contains(got["SystemPermission"], "org:sys_x:y") || len(got["SystemPermission"]) != len(model.SystemPermissions)+1 {
		t.Errorf("system permissions %q", got["SystemPermission"])
	}
}

func TestGo_package(t *testing.T) {
	for _, name := range []string{"", "_", "func", "a-b", "a b", "a\nimport \"os\"", "1a"} {
		if _, err := typegen.Go(&model.Model{}, name); err == nil {
			t.Errorf("Go of package %q: no error", name)
		}
	}
}

// TestGo_collisions: two names that make one identifier both get another, whatever else
// is there, and none takes the name of a type or a function.
func TestGo_collisions(t *testing.T) {
	source, err := typegen.Go(hostileModel(), "authz")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PermissionABC", "RoleSetX", "PlanAB", "FeatureAB"} {
		if regexp.MustCompile(`\b` + name + `\b`).Match(source) {
			t.Errorf("%s stands for one of several", name)
		}
		if n := len(regexp.MustCompile(`\t`+name+`_[0-9a-f]{8} +\w+ += `).FindAll(source, -1)); n != 2 {
			t.Errorf("%d constants %s_…, want 2", n, name)
		}
	}
	for _, name := range []string{"Permission2fa", "PermissionÜnïX", "Plan日本", "RoleOfSet"} {
		if !regexp.MustCompile(`\t` + name + ` +\w+ += `).Match(source) {
			t.Errorf("no constant %s", name)
		}
	}
	got := compiled(t, hostileModel(), "authz")
	for kind, want := range all(hostileModel()) {
		if !slices.Equal(got[kind], want) {
			t.Errorf("%s: %q, want %q", kind, got[kind], want)
		}
	}
}

// compiled type-checks the Go of m and returns the values of its constants by type,
// sorted.
func compiled(t *testing.T, m *model.Model, pkg string) map[string][]string {
	t.Helper()
	source, err := typegen.Go(m, pkg)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "x.go", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	if !ast.IsGenerated(file) {
		t.Error("not known as generated")
	}
	config := types.Config{Importer: importer.Default()}
	checked, err := config.Check(pkg, set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	values := map[string][]string{}
	for _, name := range checked.Scope().Names() {
		if c, ok := checked.Scope().Lookup(name).(*types.Const); ok {
			kind := c.Type().(*types.Named).Obj().Name()
			values[kind] = append(values[kind], constant.StringVal(c.Val()))
		}
	}
	for _, list := range values {
		slices.Sort(list)
	}
	return values
}

// listed reads the lists of generated TypeScript by its lines, and fails on a line of
// another form than the generator writes: whatever left its string or comment would make
// one.
func listed(t *testing.T, source []byte) map[string][]string {
	t.Helper()
	comment := regexp.MustCompile(`^ *(/\*\* ([^*]|\*[^/])* \*/|// .*)$`)
	begin := regexp.MustCompile(`^export const (\w+)s(: readonly never\[\] = \[\];| = \[)$`)
	other := regexp.MustCompile("^(|\\] as const;|export type \\w+ = (never|\\(typeof \\w+\\)\\[number\\]);|declare global \\{|  interface ClerkAuthorization \\{|" +
		"    (role|permission): (\\w+|Extract<\\w+, `org:\\$\\{string\\}`>);|  ?}|})$")
	lists := map[string][]string{}
	kind := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(string(source), "\n"), "\n") {
		if m := begin.FindStringSubmatch(line); m != nil {
			kind = m[1]
			lists[kind] = []string{}
			continue
		}
		if text, ok := strings.CutPrefix(line, `  "`); ok {
			var key string
			if err := json.Unmarshal([]byte(`"`+strings.TrimSuffix(text, ",")), &key); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			lists[kind] = append(lists[kind], key)
			continue
		}
		if !comment.MatchString(line) && !other.MatchString(line) {
			t.Fatalf("a line that nobody meant: %q", line)
		}
	}
	return lists
}

// randomModel makes a model of random keys from few letters, so that they collide.
func randomModel(r *rand.Rand) *model.Model {
	alphabet := []string{"a", "b", "A", "_", "-", ":", "org:", "org:sys_", "set", "s", "1", "é", "\"", "\\", "*/", "\n", "`", "$", "@ts-ignore", "世", "\u2028", "'", "<"}
	text := func() string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	m := &model.Model{
		Permissions: map[string]model.Permission{}, Roles: map[string]model.Role{},
		RoleSets: map[string]model.RoleSet{}, Plans: map[string]model.Plan{},
	}
	for range r.IntN(12) {
		m.Permissions[text()] = model.Permission{Name: text(), Description: text(), Feature: text()}
		m.Roles[text()] = model.Role{Name: text()}
		m.RoleSets[text()] = model.RoleSet{Description: text()}
		m.Plans[text()] = model.Plan{Name: text(), Features: []string{"f" + text()}}
	}
	return m
}

// TestRandom: whatever the names are, both languages have exactly them, and the same
// model gives the same text.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		m := randomModel(r)
		want := all(m)
		golang, typescript := compiled(t, m, "authz"), listed(t, typegen.TypeScript(m))
		for kind := range want {
			if !slices.Equal(golang[kind], want[kind]) && len(golang[kind])+len(want[kind]) > 0 {
				t.Fatalf("seed %d, Go, %s: %q, want %q", seed, kind, golang[kind], want[kind])
			}
			if !slices.Equal(typescript[kind], want[kind]) {
				t.Fatalf("seed %d, TypeScript, %s: %q, want %q", seed, kind, typescript[kind], want[kind])
			}
		}
		once, _ := typegen.Go(m, "authz")
		again, _ := typegen.Go(m, "authz")
		if !bytes.Equal(once, again) || !bytes.Equal(typegen.TypeScript(m), typegen.TypeScript(m)) {
			t.Fatalf("seed %d: not the same text twice", seed)
		}
		if !utf8.Valid(once) {
			t.Fatalf("seed %d: not UTF-8", seed)
		}
	}
}

// TestGo_builds runs Go's own build and vet, and gofmt, on the demo's constants.
func TestGo_builds(t *testing.T) {
	dir := t.TempDir()
	for name, m := range map[string]*model.Model{"demo": demo(t), "hostile": hostileModel(), "empty": {}} {
		source, err := typegen.Go(m, name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "x.go"), string(source))
	}
	write(t, filepath.Join(dir, "go.mod"), "module example.com/x\n\ngo 1.24\n")
	for _, args := range [][]string{{"build", "./..."}, {"vet", "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %v: %v\n%s", args, err, out)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
