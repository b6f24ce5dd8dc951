// Command postern is a policy decision point that sits beside an app or a proxy: it
// verifies the session token that comes with a request and answers whether the session
// may do what is asked, and if not, why.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitOK = 0
	// exitFailed is a denial, a failed test, a bundle with mistakes, or a server that broke.
	exitFailed = 1
	// exitCannot is a command that could not do its work: wrong flags, configuration or
	// files.
	exitCannot = 2
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal begins the end; a second one is it.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// An exit ends a command with a code. What it had to say, it has said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// execute runs one command line.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := &cobra.Command{
		Use:           "postern",
		Short:         "May this session do this, and if not, why?",
		Long:          "Postern is the policy decision point beside an app or a proxy. It verifies session\ntokens and decides with Rego policies what a session may do.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		serveCommand(), demoCommand(), checkCommand(), tokenCommand(),
		validateCommand(), testCommand(), explainMemoCommand(), matrixCommand(), diffCommand(), routesCommand(), typesCommand(), bundleCommand(), replayCommand(),
		failmodesCommand(), versionCommand(),
	)
	root.CompletionOptions.HiddenDefaultCmd = true
	errs = terminal{errs}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintf(errs, "postern: %v\n", err)
		return exitCannot
	}
}
