package server

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/sidecar/config"
	"postern/sidecar/decision"
)

// withShadow is a server with all metrics: what only a shadow has is registered with it.
func withShadow(t *testing.T) *Server {
	t.Helper()
	s, _ := ready(t)
	s.config.Shadow.Bundles = config.BundlesAt(t.TempDir())
	if _, err := s.newShadow(); err != nil {
		t.Fatal(err)
	}
	return s
}

// A metric is what the library says of a metric.
type metric struct{ name, help, labels string }

var descText = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*, variableLabels: \{(.*)\}\}$`)

// allMetrics are the server's metrics, sorted by name.
func allMetrics(t *testing.T, s *Server) (all []metric) {
	t.Helper()
	ch := make(chan *prometheus.Desc)
	go func() {
		s.metrics.registry.Describe(ch)
		close(ch)
	}()
	for d := range ch {
		m := descText.FindStringSubmatch(d.String())
		if m == nil {
			t.Errorf("%s is of another form", d)
			continue
		}
		name, err1 := strconv.Unquote(m[1])
		help, err2 := strconv.Unquote(m[2])
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		}
		all = append(all, metric{name, help, m[3]})
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return all
}

// kind is what a metric must be by its name.
func (m metric) kind() string {
	switch {
	case strings.HasSuffix(m.name, "_total"):
		return "counter"
	case strings.HasSuffix(m.name, "_duration_seconds"):
		return "histogram"
	default:
		return "gauge"
	}
}

// TestDocs_metrics: docs/telemetry.md has a row for each of our metrics, and each is of the
// type that its name says.
func TestDocs_metrics(t *testing.T) {
	s := withShadow(t)
	s.metrics.decided(decision.DoorCheck, decision.Decision{Allow: true}, time.Millisecond, nil)
	want, kinds := "| Metric | Type | Labels | |\n| --- | --- | --- | --- |\n", map[string]string{}
	for _, m := range allMetrics(t, s) {
		if !strings.HasPrefix(m.name, "postern_") {
			continue
		}
		labels := ""
		if m.labels != "" {
			labels = "`" + strings.ReplaceAll(m.labels, ",", "`, `") + "`"
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, m.kind(), labels, m.help)
		kinds[m.name] = m.kind()
	}
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		kind := strings.ToLower(f.GetType().String())
		if is := kinds[f.GetName()]; is != "" && is != kind {
			t.Errorf("%s is a %s", f.GetName(), kind)
		}
		seen[kind] = seen[kind] || kinds[f.GetName()] != ""
	}
	if !seen["counter"] || !seen["gauge"] || !seen["histogram"] {
		t.Errorf("not all kinds of metrics were gathered: %v", seen)
	}
	page, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n"+want+"\n") {
		t.Errorf("the table of metrics is not\n%s", want)
	}
}
