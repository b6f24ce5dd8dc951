package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"postern/sidecar/phrase"
	"postern/sidecar/requirement"
	"postern/sidecar/routematcher"
)

// importOptions are the flags of routes import.
type importOptions struct {
	public  bool
	require string
	name    string
	format  string
}

var importFormats = []choice[func(io.Writer, routematcher.Translation, rule) error]{
	{"yaml", writeRoutes},
	{"json", printRoutes},
}

func routesImportCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import [FILE|-]",
		Short: "Carry a createRouteMatcher list over",
		Long: `Import reads the list of a createRouteMatcher call and prints it as the routes of a
model. FILE is JavaScript or TypeScript with the call, an array of strings, or lines with
a pattern each; without it, or for -, it is standard input.

The routes match no path that the list does not match. Where they match fewer, comments
and standard error say which: such a path is denied, unless another route of the model
lists it, such as a catch-all. A pattern that no routes can stand for is refused, and then
nothing is printed.

It exits with 1 where it refuses the list, and with 2 where it cannot read it.`,
		Example: `  postern routes import --name isPublicRoute --public middleware.ts
  postern routes import --require '{"role":"org:admin"}' middleware.ts > model/data.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			source := "-"
			if len(args) > 0 {
				source = args[0]
			}
			return routesImport(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), source, &o)
		},
	}
	cmd.Flags().BoolVar(&o.public, "public", false, "Make the routes public.")
	cmd.Flags().StringVar(&o.require, "require", "", "The requirement of the routes, as JSON; by default they ask for a session alone.")
	cmd.Flags().StringVar(&o.name, "name", "", "The name that the list's matcher goes to, where the file has several.")
	cmd.Flags().StringVar(&o.format, "format", "yaml", "How to print the routes: yaml or json.")
	cmd.MarkFlagsMutuallyExclusive("public", "require")
	return cmd
}

func routesImport(in io.Reader, out, errs io.Writer, source string, o *importOptions) error {
	write, err := byName("format", importFormats, o.format)
	if err != nil {
		return err
	}
	rule, err := o.rule()
	if err != nil {
		return err
	}
	text, err := file(in, source)
	if err != nil {
		return err
	}
	list, err := routematcher.Read(text, o.name)
	var t routematcher.Translation
	if err == nil {
		t, err = routematcher.Translate(list)
	}
	if err != nil {
		fmt.Fprintln(errs, err)
		return exit(exitFailed)
	}
	report := &errWriter{w: errs}
	for _, line := range remarks(t) {
		report.printf("%s\n", line)
	}
	if report.err != nil {
		return report.err
	}
	return write(out, t, rule)
}

// A rule is what every imported route says beside its pattern: the name and the JSON of
// one member.
type rule struct {
	name  string
	value jsontext.Value
}

// rule reads the flags that say what the routes ask for.
func (o *importOptions) rule() (rule, error) {
	switch {
	case o.public:
		return rule{"public", jsontext.Value("true")}, nil
	case o.require == "":
		return rule{"signed_in", jsontext.Value("true")}, nil
	}
	value := jsontext.Value(o.require)
	r, err := requirement.Parse(value)
	if err == nil && len(r.Any) == 0 {
		err = errors.New("it asks for nothing, so it is never met")
	}
	if err == nil {
		err = value.Canonicalize()
	}
	if err == nil {
		err = value.Format(jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	}
	if err != nil {
		return rule{}, fmt.Errorf("--require: %w", err)
	}
	return rule{"require", value}, nil
}

// differs says which paths the list matches and the routes do not.
func differs(d routematcher.Difference) string {
	if d.Kind == routematcher.Unmatched {
		return fmt.Sprintf("%s: %s", d.Kind, d.Text)
	}
	return fmt.Sprintf("narrower (%s): %s", d.Kind, d.Text)
}

// general is what a translation says of the list as a whole.
func general(t routematcher.Translation) []string {
	var lines []string
	for _, d := range t.Differences {
		lines = append(lines, differs(d))
	}
	return lines
}

// about is what a translation says of one pattern.
func about(e routematcher.Entry) []string {
	lines := []string{phrase.Quote(e.Pattern.Text)}
	for _, d := range e.Differences {
		lines = append(lines, "  "+differs(d))
	}
	for _, n := range e.Notes {
		lines = append(lines, "  "+n)
	}
	return lines
}

// remarks are the report: what becomes of each pattern, and what differs.
func remarks(t routematcher.Translation) []string {
	lines := general(t)
	for _, e := range t.Entries {
		own := about(e)
		own[0] += " -> " + strings.Join(e.Matches, " ")
		if len(e.Matches) == 0 {
			own[0] += "no route"
		}
		lines = append(lines, own...)
	}
	return lines
}

// writeRoutes writes a model with the routes, and the remarks as comments. A pattern for
// ServeMux and a requirement in canonical form are the same in YAML as in JSON.
func writeRoutes(out io.Writer, t routematcher.Translation, r rule) error {
	w := &errWriter{w: out}
	for _, line := range general(t) {
		w.printf("# %s\n", line)
	}
	count := 0
	for _, e := range t.Entries {
		count += len(e.Matches)
	}
	if count > 0 {
		w.printf("routes:\n")
	} else {
		w.printf("routes: []\n")
	}
	for _, e := range t.Entries {
		for _, line := range about(e) {
			w.printf("# %s\n", line)
		}
		for _, match := range e.Matches {
			text, err := jsontext.AppendQuote(nil, match)
			if err != nil {
				return err
			}
			w.printf("- {match: %s, %s: %s}\n", text, r.name, r.value)
		}
	}
	return w.err
}

// printRoutes prints the same model as JSON, which has no comments.
func printRoutes(out io.Writer, t routematcher.Translation, r rule) error {
	routes := []jsontext.Value{}
	for _, e := range t.Entries {
		for _, match := range e.Matches {
			text, err := jsontext.AppendQuote(nil, match)
			if err != nil {
				return err
			}
			routes = append(routes, jsontext.Value(fmt.Sprintf(`{"match":%s,%q:%s}`, text, r.name, r.value)))
		}
	}
	return printJSON(out, map[string]any{"routes": routes})
}
