package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/spf13/pflag"

	"postern/policies"
	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced blocks of a language.
func blocks(text, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestREADME_commands runs the commands of README's sh blocks, as they stand, in the
// root of the project. The demo has a test of its own, and go test is this one.
func TestREADME_commands(t *testing.T) {
	ran := 0
	for _, block := range blocks(readme(t), "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if line == "go run ./cmd/postern demo" || line == "go test ./..." {
				ran++
				continue
			}
			cmd := exec.Command("sh", "-c", line)
			cmd.Dir = "../.."
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("%d commands in README, want at least 5", ran)
	}
}

// TestREADME_bundles runs the commands of the bundles' own READMEs, in the root of the
// project. A command that is to fail says so itself, with "!" or "|| test $? -eq 1".
func TestREADME_bundles(t *testing.T) {
	files, err := filepath.Glob("../../bundles/*/README.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d READMEs, %v", len(files), err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/postern", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, block := range blocks(string(text), "sh") {
				cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", block)
				cmd.Dir = "../.."
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", block, err, out)
				}
				ran++
			}
			if ran == 0 {
				t.Error("no commands")
			}
		})
	}
}

// TestDocs_model loads the model of docs/model.md, which is one that has no mistake and
// nothing doubtful, and holds its table of actions to the rules.
func TestDocs_model(t *testing.T) {
	text, err := os.ReadFile("../../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	models := blocks(string(text), "yaml")
	if len(models) != 1 {
		t.Fatalf("%d models, want 1", len(models))
	}
	b, err := bundle.FromFS(fstest.MapFS{"model/data.yaml": {Data: []byte(models[0])}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policy.New(t.Context(), b, new(policy.Bound), policy.Options{}); err != nil || len(b.Warnings) > 0 {
		t.Errorf("warnings %q, %v", b.Warnings, err)
	}
	modules := []func(*rego.Rego){rego.Query("data.postern.action._actions")}
	for _, module := range policies.Modules() {
		modules = append(modules, rego.ParsedModule(module))
	}
	results, err := rego.New(modules...).Eval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	actions := results[0].Expressions[0].Value.(map[string]any)
	for name, action := range actions {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(name) + "` \\| (.*) \\| (.*) \\|$").FindStringSubmatch(string(text))
		if row == nil {
			t.Errorf("the table has no %s", name)
			continue
		}
		members := action.(map[string]any)
		for i, member := range []string{"facts", "conditions"} {
			for _, item := range members[member].([]any) {
				if !strings.Contains(row[i+1], "`"+item.(string)+"`") {
					t.Errorf("%s: the table lacks %s", name, item)
				}
			}
			if got, want := strings.Count(row[i+1], "`")/2, len(members[member].([]any)); got != want && name != "role.assign" {
				t.Errorf("%s: the table has %d %s, want %d", name, got, member, want)
			}
		}
	}
	if rows := strings.Count(string(text), "\n| `"); rows != len(actions) {
		t.Errorf("%d rows for %d actions", rows, len(actions))
	}
}

// TestREADME_settings compares the table with the flags.
func TestREADME_settings(t *testing.T) {
	var want bytes.Buffer
	for _, s := range config.Settings() {
		flag := "`--" + s.Flag + "`"
		if s.Repeatable {
			flag += ", repeatable"
		}
		fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", flag, code(s.Key), code(s.Default), s.Help)
	}
	if !strings.Contains(readme(t), want.String()) {
		t.Errorf("README's table of settings is not\n%s", want.String())
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// TestREADME_reasons compares the table of reasons with the closed set.
func TestREADME_reasons(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| (\\d+) \\|$").FindAllStringSubmatch(readme(t), -1)
	var got []decision.Code
	for _, row := range rows {
		for _, name := range strings.Split(row[1], ", ") {
			c := decision.Code(strings.Trim(name, "`"))
			got = append(got, c)
			if fmt.Sprint(c.Status()) != row[2] {
				t.Errorf("%s has status %d, README says %s", c, c.Status(), row[2])
			}
		}
	}
	slices.Sort(got)
	if want := decision.Codes(); !slices.Equal(got, want) {
		t.Errorf("README's reasons are\n%v\nwant\n%v", got, want)
	}
}

// TestDocs_configuration loads what README and the docs show as configuration.
func TestDocs_configuration(t *testing.T) {
	for _, page := range []string{"README.md", "docs/authzen.md", "docs/opa-envoy.md", "docs/telemetry.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		loaded := 0
		for _, block := range blocks(string(text), "yaml") {
			if !strings.Contains(block, "issuers:") {
				continue
			}
			path := t.TempDir() + "/postern.yaml"
			if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			var flags config.Flags
			set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
			flags.Register(set)
			if err := set.Parse([]string{"--config", path}); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(&flags, nil); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			loaded++
		}
		if loaded != 1 {
			t.Errorf("%s shows %d configurations, want 1", page, loaded)
		}
	}
}

// TestREADME_model validates the model that README shows, and asks its questions.
func TestREADME_model(t *testing.T) {
	for _, block := range blocks(readme(t), "yaml") {
		if !strings.Contains(block, "role_sets:") {
			continue
		}
		dir := t.TempDir()
		if err := os.MkdirAll(dir+"/model", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/model/data.yaml", []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if code := execute(t.Context(), []string{"validate", dir}, nil, &out, &errs); code != exitOK {
			t.Errorf("README's model: exit %d\n%s", code, errs.String())
		}
		questions := 0
		for _, block := range blocks(readme(t), "json") {
			for line := range strings.Lines(block) {
				if !strings.HasSuffix(strings.TrimSpace(line), "}") || strings.HasPrefix(line, " ") {
					continue
				}
				questions++
				var out, errs bytes.Buffer
				if code := execute(t.Context(), []string{"check", "--bundle", dir, strings.TrimSpace(line)}, nil, &out, &errs); code != exitFailed {
					t.Errorf("%s: exit %d, want a denial\n%s", line, code, errs.String())
				}
			}
		}
		if questions != 5 {
			t.Errorf("%d questions in README, want 5", questions)
		}
		return
	}
	t.Error("README shows no model")
}

// TestDocs_policy: the table of the input has the members of the schema, and what is refused
// is what no policy may call.
func TestDocs_policy(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile("../../policies/postern/schema/input.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(schema, &want); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| Member of `input` |")
	table, _, _ = strings.Cut(table, "\n\n")
	got := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			got[name[1]] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want.Properties)); !slices.Equal(got, want) {
		t.Errorf("the table has %q, want those of the schema, %q", got, want)
	}
	_, refused, _ := strings.Cut(string(text), "## What is refused")
	for _, name := range policy.Refused() {
		if !strings.Contains(refused, "`"+name+"`") {
			t.Errorf("what is refused lacks %s", name)
		}
	}
}
