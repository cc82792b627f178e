package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var config, origin, data string
	var check bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the Realtime Engine and the Hub",
		Long: "Relays visitors to the origin, judges what the policy names, and serves the\n" +
			"Hub. With --origin alone it needs no file: pass-through on :8080, the Hub on\n" +
			":8090, data in ./data.",
		Example: "  throughline serve --origin http://127.0.0.1:3000\n" +
			"  throughline serve --config throughline.yaml\n" +
			"  throughline serve --config throughline.yaml --check",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := resolve(config, origin, data, c.Flags().Changed("data"))
			if err != nil || check {
				return err
			}
			log, err := logger(c.ErrOrStderr(), set.Log.Level)
			if err != nil {
				return err
			}
			return run(c.Context(), set, log)
		},
	}
	c.Flags().StringVar(&config, "config", "", "configuration file")
	c.Flags().StringVar(&origin, "origin", "", "the one origin to protect, instead of a file")
	c.Flags().BoolVar(&check, "check", false, "check the configuration and the policy, and end")
	dataFlag(c, &data)
	c.MarkFlagsMutuallyExclusive("config", "origin")
	c.MarkFlagsOneRequired("config", "origin")
	return c
}

// resolve turns the flags into checked settings.
func resolve(config, origin, data string, dataGiven bool) (settings, error) {
	c, at := originConfig(origin), flagFault
	if config != "" {
		var faults []fault
		if c, faults = loadConfig(config); len(faults) > 0 {
			return settings{}, faultsError(faults)
		}
	}
	if dataGiven {
		c.Data = data
	}
	set, faults := c.check(at)
	if err := faultsError(faults); err != nil {
		return set, err
	}
	if config != "" {
		set.file = config
		set.again = func() (settings, error) { return resolve(config, origin, data, dataGiven) }
	}
	if c.Policy != "" {
		return set, checkPolicy(c.Policy)
	}
	return set, nil
}

func logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// run serves until ctx ends, then drains.
func run(ctx context.Context, set settings, log *slog.Logger) error {
	a, err := start(ctx, set, log)
	if err != nil {
		return err
	}
	for _, addr := range a.edge.Addrs() {
		log.Info("visitors", "listen", addr.String())
	}
	log.Info("hub", "url", a.hubURL())
	if link, err := a.setupLink(ctx); err != nil {
		log.Warn("set-up link", "error", err.Error())
	} else if link != "" {
		log.Info("no user yet: open this link once, within an hour, to create the first", "link", link)
	}
	<-ctx.Done()
	log.Info("stopping: running requests may finish", "drain", set.drain.String())
	a.close(context.WithoutCancel(ctx))
	log.Info("stopped")
	return nil
}

// hubURL is the Hub's address as a browser on this machine reaches it.
func (a *app) hubURL() string {
	scheme := "http"
	if a.set.Hub.Cert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(a.hubAddr.String())
	if err != nil {
		return scheme + "://" + a.hubAddr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	if len(a.set.Hub.Hosts) > 0 && !strings.Contains(a.set.Hub.Hosts[0], "*") {
		host = a.set.Hub.Hosts[0]
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// setupLink is a fresh one-time link when there is no user, else "".
func (a *app) setupLink(ctx context.Context) (string, error) {
	needed, err := a.auth.NeedsSetup(ctx)
	if err != nil || !needed {
		return "", err
	}
	return a.auth.SetupLink(ctx, a.hubURL())
}
