package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/testdata/harness"
)

// The chart's dashboards and rules, and the tests of rules.
const (
	dashboards = "../../helm/postern/dashboards/*.json"
	rules      = "../../helm/postern/rules/*.yaml"
	ruleTests  = "testdata/rules/*.yaml"
)

// promtool is Prometheus's own tool. Without it a test is skipped, or fails where tools are
// required.
func promtool(t *testing.T) func(args ...string) {
	t.Helper()
	path := harness.Program(t, "promtool")
	return func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// matches are the files of a pattern, of which there must be some.
func matches(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %v", pattern, all, err)
	}
	return all
}

// A ruleFile is what Prometheus reads.
type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func allRules(t *testing.T) (all []rule) {
	t.Helper()
	for _, path := range matches(t, rules) {
		var f ruleFile
		readYAML(t, path, &f)
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// TestRules: Prometheus reads the rules, and its own tests of them pass. Every alert is
// tested both ways, and says what it means and what to do.
func TestRules(t *testing.T) {
	tool := promtool(t)
	tool(append([]string{"check", "rules"}, matches(t, rules)...)...)
	tool(append([]string{"test", "rules"}, matches(t, ruleTests)...)...)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, path := range matches(t, ruleTests) {
		var f struct {
			Tests []struct {
				Alerts []struct {
					Name     string           `yaml:"alertname"`
					Expected []map[string]any `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &f)
		for _, test := range f.Tests {
			for _, a := range test.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Expected) > 0
				quiet[a.Name] = quiet[a.Name] || len(a.Expected) == 0
			}
		}
	}
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range allRules(t) {
		if r.Alert == "" {
			continue
		}
		if !bytes.Contains(page, []byte("`"+r.Alert+"`")) {
			t.Errorf("%s is not in the docs", r.Alert)
		}
		if !fires[r.Alert] || !quiet[r.Alert] {
			t.Errorf("%s: tested to fire %v, to be quiet %v", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description", "action"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
	}
}

// A panel is one of a dashboard, as Grafana reads it.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ UID string }
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct {
		RefID, Expr string
		Datasource  struct{ UID string }
	}
	Panels []panel
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
			Definition string
		}
	}
}

// variables are what Grafana puts in, with something to put.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$namespace", ".*", "$job", ".*", "$pod", ".*")

// TestDashboards: ids are unique, no panel lies over another, every panel asks the chosen
// data source, and Prometheus reads every expression.
func TestDashboards(t *testing.T) {
	group := ruleGroup{Name: "panels"}
	for _, path := range matches(t, dashboards) {
		d := readDashboard(t, path)
		if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: %q %q %d", path, d.UID, d.Title, d.SchemaVersion)
		}
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
		}
		if !slices.Equal(names, []string{"datasource", "namespace", "job", "pod"}) {
			t.Errorf("%s has the variables %v", path, names)
		}
		ids, taken := map[int]string{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if other, is := ids[p.ID]; is || p.ID == 0 || len(p.Panels) > 0 {
				t.Errorf("%q and %q have the id %d, or one has panels of its own", p.Title, other, p.ID)
			}
			ids[p.ID] = p.Title
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%q lies over %q, or outside", p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
				t.Errorf("%q asks nothing, or %q", p.Title, p.Datasource.UID)
			}
			for _, target := range p.Targets {
				if target.Datasource.UID != "${datasource}" || strings.Count(target.Expr, `pod=~"$pod"`) < 1 {
					t.Errorf("%q asks %q: %s", p.Title, target.Datasource.UID, target.Expr)
				}
				if expr := variables.Replace(target.Expr); strings.Contains(expr, "$") {
					t.Errorf("%q has an unknown variable: %s", p.Title, expr)
				}
				group.Rules = append(group.Rules, rule{Record: fmt.Sprintf("panel:%d:%s", p.ID, target.RefID), Expr: variables.Replace(target.Expr)})
			}
		}
	}
	tool := promtool(t)
	text, err := yaml.Marshal(ruleFile{Groups: []ruleGroup{group}})
	if err != nil {
		t.Fatal(err)
	}
	tool("check", "rules", harness.Write(t, t.TempDir(), "panels.yaml", string(text)))
}

func readDashboard(t *testing.T, path string) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if bytes.Contains(text, []byte("{{ .Values")) {
		t.Errorf("%s is a template: it is included as it is", path)
	}
	return d
}

var (
	metricName = regexp.MustCompile(`\b(?:postern|process|go)_[a-z0-9_]+\b|\bpostern:[a-z0-9_:]+\b`)
	ofSeries   = regexp.MustCompile(`_(?:bucket|sum|count)$`)
)

// TestDashboards_names: dashboards and rules name metrics that there are.
func TestDashboards_names(t *testing.T) {
	known := map[string]bool{}
	for name := range registered(t) {
		known[name] = true
	}
	all := allRules(t)
	for _, r := range all {
		if r.Record != "" {
			known[r.Record] = true
		}
	}
	check := func(where, expr string) {
		t.Helper()
		found := metricName.FindAllString(expr, -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric: %s", where, expr)
		}
		for _, name := range found {
			if !known[name] && !known[ofSeries.ReplaceAllString(name, "")] {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
	}
	for _, r := range all {
		check(r.Record+r.Alert, r.Expr)
	}
	for _, path := range matches(t, dashboards) {
		for _, p := range readDashboard(t, path).Panels {
			for _, target := range p.Targets {
				check(p.Title, target.Expr)
			}
		}
	}
}

// registered are the names of all metrics that a server can have, also of those that it has
// not used yet.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, d := range allMetrics(t, withShadow(t)) {
		names[d.name] = true
	}
	if !names["postern_ready"] || !names["go_goroutines"] {
		t.Fatalf("these are not all: %v", names)
	}
	return names
}
