package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var config, origin, data, profile string
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
			giveRoom()
			return profiled(profile, func() error { return run(c.Context(), set, log) })
		},
	}
	c.Flags().StringVar(&config, "config", "", "configuration file")
	c.Flags().StringVar(&origin, "origin", "", "the one origin to protect, instead of a file")
	c.Flags().BoolVar(&check, "check", false, "check the configuration and the policy, and end")
	c.Flags().StringVar(&profile, "cpu-profile", "", "where to leave a profile (pprof) of what takes the processor, when it ends")
	dataFlag(c, &data)
	c.MarkFlagsMutuallyExclusive("config", "origin")
	c.MarkFlagsOneRequired("config", "origin")
	return c
}

// resolve turns the flags into checked settings.
func resolve(config, origin, data string, dataGiven bool) (settings, error) {
	c, at, stamp := originConfig(origin), flagFault, ""
	if config != "" {
		var faults []fault
		stamp = stampOf(config)
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
		set.file, set.stamp = config, stamp
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

// run serves until ctx ends, then drains; or until a successor serves, then
// stays for what lasts.
func run(ctx context.Context, set settings, log *slog.Logger) error {
	hup, usr2 := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	signal.Notify(usr2, syscall.SIGUSR2)
	defer signal.Stop(hup)
	defer signal.Stop(usr2)
	socks, err := inheritSockets()
	if err != nil {
		return err
	}
	serving, served := context.WithCancel(context.WithoutCancel(ctx))
	defer served()
	scheduling := startScheduling(serving, &set, log)
	for {
		a, err := start(ctx, set, log, socks, scheduling)
		if err != nil {
			return err
		}
		a.announce(ctx)
		a.reloadOn(a.run, hup)
		over, err := a.serveUntil(ctx, usr2)
		if over || err == nil {
			return nil
		}
		log.Error("the successor did not come up; this process takes its place again", "error", err.Error())
		go a.lingers(ctx)
		a.closeCommands()
		if set.again != nil {
			if s, err := set.again(); err == nil {
				set = s
			}
		}
		if socks, err = socks.again(); err != nil {
			return err
		}
	}
}

// announce says that visitors are served, to whom it concerns.
func (a *app) announce(ctx context.Context) {
	for _, addr := range a.edge.Addrs() {
		a.log.Info("visitors", "listen", addr.String())
	}
	a.log.Info("hub", "url", a.hubURL())
	if link, err := a.setupLink(ctx); err != nil {
		a.log.Warn("set-up link", "error", err.Error())
	} else if link != "" {
		a.log.Info("no user yet: open this link once, within an hour, to create the first", "link", link)
	}
	a.sockets.heir.say("serving")
	a.sockets.heir.close()
	tellManager(a.log, fmt.Sprintf("READY=1\nMAINPID=%d", os.Getpid()))
}

// serveUntil waits for the end: over says that this process's part is done, the
// error why a successor failed when it had given up the stores.
func (a *app) serveUntil(ctx context.Context, usr2 <-chan os.Signal) (over bool, err error) {
	for {
		var answer chan error
		select {
		case <-ctx.Done():
			a.log.Info("stopping: running requests may finish", "drain", a.set.drain.String())
			tellManager(a.log, "STOPPING=1")
			a.close(context.WithoutCancel(ctx))
			a.log.Info("stopped")
			return true, nil
		case <-usr2:
			answer = make(chan error, 1)
		case answer = <-a.restarts:
		}
		err := a.handOver(ctx)
		answer <- err
		switch {
		case err == nil:
			a.closeCommands()
			a.sockets.close()
			a.lingers(ctx)
			a.log.Info("stopped")
			return true, nil
		case errors.Is(err, errNotTaken):
			return false, err
		}
		a.log.Error("restart failed, this process goes on", "error", err.Error())
	}
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
