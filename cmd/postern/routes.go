package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/sidecar/decision"
	"postern/sidecar/model"
	"postern/sidecar/request"
	"postern/sidecar/route"
)

func routesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "Explain the model's routes, or carry others over",
	}
	cmd.AddCommand(routesExplainCommand(), routesImportCommand())
	return cmd
}

// routesExplainOptions are the flags of routes explain.
type routesExplainOptions struct {
	who  whoOptions
	host string
}

func routesExplainCommand() *cobra.Command {
	var o routesExplainOptions
	cmd := &cobra.Command{
		Use:   "explain METHOD TARGET",
		Short: "Say which route governs a request, and why",
		Long: `Explain says which route of the bundle governs a request, what the route requires, and
which other routes come near. TARGET is a path as it stands in a request line.

With --token or --claims-file it also decides for that session, as a proxy's question
would be decided.

It exits with 0 where a route governs the request and, where somebody asks, allows it; with
1 where it is denied; and with 2 where it could not say.`,
		Example: "  postern routes explain GET /admin/users --bundle bundles/enterprise",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return routesExplain(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), args[0], args[1], &o)
		},
	}
	o.who.register(cmd)
	cmd.Flags().StringVar(&o.host, "host", "", "The host of the request, where routes name hosts.")
	return cmd
}

func routesExplain(ctx context.Context, in io.Reader, out io.Writer, method, target string, o *routesExplainOptions) error {
	if !request.IsMethod(method) {
		return fmt.Errorf("%q is no method: methods are upper-case letters", method)
	}
	asks, err := o.who.subject(ctx, in)
	if err != nil {
		return err
	}
	r := request.Proxied{Door: decision.DoorForwardAuth, Method: method}
	if o.host != "" {
		if r.Host, err = request.NormalHost(o.host); err != nil {
			return fmt.Errorf("--host: %w", err)
		}
	}
	w := &errWriter{w: out}
	if r.Target, err = request.ParseTarget(target); err != nil {
		w.printf("denied: %s: %v\n", decision.PathAmbiguous, err)
		return ended(w, false)
	}
	e := asks.policy.Explain(r)
	explainRoute(w, r, e)
	if !o.who.named() {
		return ended(w, e.Route != nil)
	}
	routed, cause := asks.policy.Route(ctx, asks.input, r)
	w.printf("\n")
	if err := asks.explain(ctx, out, routed.Decision); err != nil {
		return err
	}
	if cause != nil {
		return cause
	}
	return ended(w, routed.Allow)
}

// ended is the end of a command that has said what it has to say.
func ended(w *errWriter, good bool) error {
	if w.err == nil && !good {
		return exit(exitFailed)
	}
	return w.err
}

// explainRoute prints what governs a request and what comes near.
func explainRoute(w *errWriter, r request.Proxied, e route.Explanation) {
	w.printf("%s %s%s\n", r.Method, r.Host, r.Target.Path)
	switch {
	case e.Unknown:
		w.printf("  is denied: %s. Routes name hosts: --host says which one is asked for\n", decision.RequestMalformed)
	case e.Slash != nil:
		w.printf("  is denied: %s. With a final slash it would be %s (%s),\n", decision.RouteUnlisted, e.Slash.Match, e.Slash.Position)
		w.printf("  and some servers take one for the other. A route for the path as it stands would say what holds.\n")
	case e.Route == nil:
		w.printf("  is denied, no route lists it: %s\n", decision.RouteUnlisted)
	default:
		w.printf("  is governed by %s (%s)\n", e.Route.Match, e.Route.Position)
		for _, p := range e.Params() {
			w.printf("  with %s = %q\n", p.Name, p.Value)
		}
		w.printf("  which %s\n", asksFor(e.Route, e.Match))
		if d := e.Route.Deny; d.Status != 0 {
			w.printf("  and denies a session that may not with status %d\n", d.Status)
		} else if d.Redirect != "" {
			w.printf("  and sends a session that may not to %s\n", d.Redirect)
		}
		if e.Route.Logged {
			w.printf("  and denies what the decision log cannot take\n")
		}
	}
	if len(e.Methods) > 0 {
		w.printf("  the path is listed for %s\n", strings.Join(e.Methods, ", "))
	}
	for _, other := range e.Others {
		w.printf("  the path also fits %s (%s)\n", other.Match, other.Position)
	}
}

// asksFor says what a route demands.
func asksFor(r *model.Route, m route.Match) string {
	var all []string
	switch {
	case r.Public:
		return "is public: whoever asks may pass"
	case r.Organization != "":
		all = append(all, "a session in the organization "+m.Value(r.Organization))
	case r.OrganizationSlug != "":
		all = append(all, "a session in the organization with the slug "+m.Value(r.OrganizationSlug))
	case r.Require == nil:
		all = append(all, "a session")
	}
	if r.Require != nil {
		all = append(all, string(r.Require.AppendJSON(nil)))
	}
	return "asks for " + strings.Join(all, " and ")
}
