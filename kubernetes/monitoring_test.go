package kubernetes

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"

	"postern/testdata/harness"
)

const (
	rulesFile     = "rules/postern.yaml"
	dashboardFile = "dashboards/postern.json"
)

// TestMonitoring: alerts and dashboard are rendered as their files have them, with what
// looks like a template of helm's, and nothing is where there are no files.
func TestMonitoring(t *testing.T) {
	without := copyChart(t)
	removeFiles(t, without)
	if got := renderMonitoring(t, without); len(got) != 0 {
		t.Errorf("without files %d objects are rendered, want none", len(got))
	}

	rules := "groups:\n  - name: postern\n    rules:\n      - alert: Down\n        expr: up == 0\n        annotations: {summary: \"{{ $labels.pod }} is down\"}\n"
	dashboard := `{"title": "{{ a }} \u00e9 \"quoted\""}`
	with := copyChart(t)
	removeFiles(t, with)
	writeFile(t, filepath.Join(with, rulesFile), rules)
	writeFile(t, filepath.Join(with, dashboardFile), dashboard)
	checkMonitoring(t, renderMonitoring(t, with), dashboard, "{{ $labels.pod }} is down")
}

// TestMonitoring_own: the chart's own files are what Prometheus and Grafana take.
func TestMonitoring_own(t *testing.T) {
	own := filepath.Join("../helm/postern", dashboardFile)
	dashboard, err := os.ReadFile(own)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", own)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkMonitoring(t, renderMonitoring(t, copyChart(t)), string(dashboard), "")
}

func checkMonitoring(t *testing.T, all []any, dashboard, summary string) {
	t.Helper()
	found := pick[*monitoringv1.PrometheusRule](all)
	if len(found) != 1 || len(found[0].Spec.Groups) == 0 {
		t.Fatalf("%d rules are rendered, want one with groups", len(found))
	}
	for _, g := range found[0].Spec.Groups {
		if len(g.Rules) == 0 {
			t.Errorf("group %s has no rules", g.Name)
		}
	}
	if got := found[0].Spec.Groups[0].Rules[0].Annotations["summary"]; summary != "" && got != summary {
		t.Errorf("the summary is %q, want %q", got, summary)
	}
	maps := pick[*corev1.ConfigMap](all)
	if len(maps) != 1 || maps[0].Data["postern.json"] != dashboard || !json.Valid([]byte(dashboard)) {
		t.Errorf("the dashboard is not what its file has: %d ConfigMaps", len(maps))
	}
}

// renderMonitoring renders a chart's alerts and dashboard.
func renderMonitoring(t *testing.T, dir string) []any {
	t.Helper()
	out, errs, err := helm(t, "template", "web", dir, "--namespace", "shop", "--kube-version", kubernetesVersion,
		"--values", "testdata/deployment.values.yaml", "--set", "prometheusRule.enabled=true,dashboard.enabled=true")
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	var some []any
	for _, object := range objects(t, out) {
		switch o := object.(type) {
		case *monitoringv1.PrometheusRule:
			some = append(some, o)
		case *corev1.ConfigMap:
			if strings.HasSuffix(o.Name, "-dashboard") {
				some = append(some, o)
			}
		}
	}
	return some
}

func copyChart(t *testing.T) string {
	t.Helper()
	harness.Program(t, "helm")
	dir := filepath.Join(t.TempDir(), "postern")
	if err := os.CopyFS(dir, os.DirFS("../helm/postern")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func removeFiles(t *testing.T, dir string) {
	t.Helper()
	for _, file := range []string{rulesFile, dashboardFile} {
		if err := os.Remove(filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, text)
}
