package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
)

// testOptions are the flags of test.
type testOptions struct {
	run       string
	verbose   bool
	coverage  bool
	threshold float64
	timeout   time.Duration
	builtins  []string
}

func testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test BUNDLE...",
		Short: "Run a bundle's Rego tests",
		Long: `Test runs the rules named test_ in the bundle's _test.rego files, with the library, the
bundle and its data loaded as serve would load them.

It exits with 1 where a test fails or coverage is below --threshold, and with 2 where the
bundle cannot be loaded or has no test that matches.`,
	}
	f := cmd.Flags()
	f.StringVarP(&o.run, "run", "r", "", "Run only the tests whose package.name matches this regular expression.")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "Name every test and show what it prints.")
	f.BoolVarP(&o.coverage, "coverage", "c", false, "Report how much of the bundle's rules the tests reach.")
	f.Float64Var(&o.threshold, "threshold", 0, "Fail below this coverage, in percent.")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "The time that one test may take.")
	builtinsFlag(cmd, &o.builtins)
	return bundleArguments(cmd, func(cmd *cobra.Command, sources []bundle.Source) error {
		return runTests(cmd.Context(), cmd.OutOrStdout(), sources, o)
	})
}

// A testSuite is a bundle with its tests, ready to run.
type testSuite struct {
	modules map[string]*ast.Module // library, bundle and tests
	own     []string               // the bundle's own, which coverage is about
	store   storage.Store
	caps    *ast.Capabilities
}

func loadSuite(ctx context.Context, sources []bundle.Source, builtins []string) (*testSuite, error) {
	b, err := bundle.LoadSources(ctx, bundle.DefaultLimits(), sources)
	if err != nil {
		return nil, err
	}
	// What serve would refuse is not worth a test.
	if _, err := policy.New(ctx, b, new(policy.Bound), policy.Options{Builtins: builtins}); err != nil {
		return nil, err
	}
	caps, err := policy.Capabilities(builtins)
	if err != nil {
		return nil, err
	}
	s := &testSuite{modules: policy.Modules(b), store: inmem.NewFromObject(b.Data), caps: caps}
	for name, module := range b.Tests {
		s.modules[name] = module
	}
	for name := range b.Modules {
		s.own = append(s.own, name)
	}
	slices.Sort(s.own)
	return s, nil
}

func runTests(ctx context.Context, out io.Writer, sources []bundle.Source, o testOptions) error {
	suite, err := loadSuite(ctx, sources, o.builtins)
	if err != nil {
		return err
	}
	txn, err := suite.store.NewTransaction(ctx)
	if err != nil {
		return err
	}
	defer suite.store.Abort(ctx, txn)
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithCapabilities(suite.caps).WithEnablePrintStatements(true)).
		SetStore(suite.store).
		CapturePrintOutput(true).
		SetTimeout(o.timeout).
		Filter(o.run).
		SetModules(suite.modules)
	coverage := cover.New()
	if o.coverage || o.threshold > 0 {
		runner.SetCoverageQueryTracer(coverage)
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return err
	}
	w := &errWriter{w: out}
	ran, failed := 0, 0
	for r := range results {
		ran++
		if !r.Pass() {
			failed++
		}
		reportTest(w, r, o.verbose)
	}
	if ran == 0 {
		return fmt.Errorf("no test in %s", namesOf(sources))
	}
	w.printf("%d passed, %d failed\n", ran-failed, failed)
	enough := true
	if o.coverage || o.threshold > 0 {
		enough = reportCoverage(w, coverage.Report(suite.modules), suite.own) >= o.threshold
	}
	if w.err != nil {
		return w.err
	}
	if failed > 0 || !enough {
		return exit(exitFailed)
	}
	return nil
}

// reportTest prints a test that did not pass, or every one.
func reportTest(w *errWriter, r *tester.Result, verbose bool) {
	name := strings.TrimPrefix(r.Package, "data.") + "." + r.Name
	switch {
	case r.Error != nil:
		w.printf("error %s: %v\n", name, r.Error)
	case !r.Pass():
		w.printf("fail  %s (%s:%d)\n", name, path.Clean(r.Location.File), r.Location.Row)
	case verbose:
		w.printf("pass  %s\n", name)
	}
	if len(r.Output) > 0 && (verbose || !r.Pass()) {
		w.printf("%s", indent(string(r.Output)))
	}
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n      ") + "\n"
}

// reportCoverage prints and returns the coverage of the bundle's own rules, in percent.
func reportCoverage(w *errWriter, report cover.Report, own []string) float64 {
	covered, all := 0, 0
	for _, name := range own {
		f := report.Files[name]
		if f == nil {
			continue
		}
		covered += f.CoveredLines
		all += f.CoveredLines + f.NotCoveredLines
		for _, r := range f.NotCovered {
			w.printf("not covered: %s:%d-%d\n", name, r.Start.Row, r.End.Row)
		}
	}
	percent := 100.0
	if all > 0 {
		percent = 100 * float64(covered) / float64(all)
	}
	w.printf("coverage %.1f %%\n", percent)
	return percent
}
