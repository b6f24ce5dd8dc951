// Package kubernetes holds the tests of the chart: what it renders is compared, decoded as
// strictly as an API server would, loaded by Postern itself, and run as a pod.
package kubernetes

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/testdata/harness"
)

var update = flag.Bool("update", false, "write what is rendered and generated, instead of comparing it")

// kubernetesVersion is the version that everything is rendered for.
const kubernetesVersion = "1.34.0"

func TestMain(m *testing.M) {
	code := m.Run()
	if charts.dir != "" {
		if err := os.RemoveAll(charts.dir); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}

// helm runs helm, away from whatever its user has configured.
func helm(t testing.TB, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(harness.Program(t, "helm"), arguments...)
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// charts is a copy of the charts, in which the example has its dependency.
var charts struct {
	once sync.Once
	dir  string
	err  error
}

func chart(t testing.TB, name string) string {
	t.Helper()
	harness.Program(t, "helm")
	charts.once.Do(func() {
		charts.dir, charts.err = os.MkdirTemp("", "charts")
		if charts.err != nil {
			return
		}
		if charts.err = os.CopyFS(charts.dir, os.DirFS("../helm")); charts.err != nil {
			return
		}
		if charts.err = os.RemoveAll(filepath.Join(charts.dir, "example-app", "charts")); charts.err != nil {
			return
		}
		if _, errs, err := helm(t, "dependency", "update", "--skip-refresh", filepath.Join(charts.dir, "example-app")); err != nil {
			charts.err = fmt.Errorf("helm dependency update: %w: %s", err, errs)
		}
	})
	if charts.err != nil {
		t.Fatal(charts.err)
	}
	return filepath.Join(charts.dir, name)
}

// A set is a file of values and the chart that it is for.
type set struct{ name, chart, values string }

// sets are those of testdata. What begins with app- is for the example.
func sets(t testing.TB) []set {
	t.Helper()
	files, err := filepath.Glob("testdata/*.values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of values, %v", len(files), err)
	}
	var all []set
	for _, file := range files {
		s := set{name: strings.TrimSuffix(filepath.Base(file), ".values.yaml"), chart: "postern", values: file}
		if strings.HasPrefix(s.name, "app-") {
			s.chart = "example-app"
		}
		all = append(all, s)
	}
	return all
}

// valuesFile is a file with values.
func valuesFile(t testing.TB, values string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// render renders a set as an installation called web in namespace shop.
func (s set) render(t testing.TB) string {
	t.Helper()
	out, errs, err := helm(t, "template", "web", chart(t, s.chart), "--namespace", "shop", "--kube-version", kubernetesVersion, "--values", s.values)
	if err != nil {
		t.Fatalf("helm template with %s: %v: %s", s.values, err, errs)
	}
	return out
}
