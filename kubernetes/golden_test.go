package kubernetes

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLint(t *testing.T) {
	for _, s := range sets(t) {
		out, errs, err := helm(t, "lint", "--strict", "--kube-version", kubernetesVersion, "--values", s.values, chart(t, s.chart))
		if err != nil {
			t.Errorf("%s: %v: %s%s", s.name, err, out, errs)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, s := range sets(t) {
		golden := filepath.Join("testdata", s.name+".golden.yaml")
		got := s.render(t)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s renders what is not in %s; compare with -update", s.name, golden)
		}
	}
}
