// Command throughline is the whole product in one binary: the Realtime Engine,
// the Hub and the tools around them. This package only wires.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, err)
		}
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// errReported ends a command whose faults are already on the screen.
var errReported = errors.New("reported")

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "throughline",
		Short: "Customer-journey security, inline and invisible",
		Long: "Throughline sits between your users and your web origin, turns the HTTP\n" +
			"traffic into connected user journeys and stops fraud and abuse in real time.",
		Example: "  throughline demo\n" +
			"  throughline serve --origin http://127.0.0.1:3000\n" +
			"  throughline init --origin http://127.0.0.1:3000 && throughline serve --config throughline.yaml",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	c.AddCommand(serveCommand(), demoCommand(), policyCommand(), userCommand(), tokenCommand(),
		initCommand(), elementsCommand(), siteCommand(), backupCommand(), restoreCommand(), restartCommand(), keyCommand(), identityCommand(), discoverCommand(), versionCommand())
	return c
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  throughline version --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info := versionInfo()
			if asJSON {
				return printJSON(c.OutOrStdout(), info)
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "throughline %s (%s, %s)\n", info.Version, info.Go, info.Platform)
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
