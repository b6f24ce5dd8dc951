package main

import (
	"io"

	"github.com/spf13/cobra"

	"postern/sidecar/failmode"
)

var failmodesFormats = []choice[func(io.Writer) error]{
	{"table", failmode.WriteTable},
	{"markdown", failmode.WriteMarkdown},
	{"json", failmode.WriteJSON},
}

func failmodesCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "failmodes",
		Short: "Show what is answered when something is wrong",
		Long: `Failmodes prints the table of failure modes: what can go wrong with a request, with a policy
and with Postern, the reason that is logged, and what each door answers. A status in brackets is
sent where unavailable_status is 503.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, err := byName("format", failmodesFormats, format)
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "How to print it: table, markdown or json.")
	return cmd
}
