package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A hand-over: the process in charge starts its successor with its listening
// sockets. The successor checks the configuration, says that it is ready and
// waits for the data folder. The old one stops accepting, lets exchanges end,
// stops judging, closes the stores and unlocks the folder; who comes meanwhile
// waits in the kernel's queue. The successor opens the stores and serves. What
// lasts longer stays with the old process: downloads, streams, upgrades.

// heirVariable names the descriptor by which a successor talks to its predecessor.
const heirVariable = "THROUGHLINE_SUCCEED"

const (
	windDown     = 500 * time.Millisecond // visitors are told to come again on new connections
	handOverWait = 3 * time.Second        // for exchanges to end before judging stops
	readyWait    = time.Minute
	servingWait  = 5 * time.Minute
)

// heir is how a successor talks to its predecessor.
type heir struct{ f *os.File }

func (h *heir) say(word string) {
	if h != nil {
		_, _ = fmt.Fprintln(h.f, word) // who is gone needs no answer
	}
}

func (h *heir) close() {
	if h != nil {
		_ = h.f.Close()
	}
}

// successor is the process that takes over.
type successor struct {
	cmd   *exec.Cmd
	words chan string // closed with the process
}

// begin starts the successor, from the same place and with the same arguments,
// so that a binary that was replaced meanwhile is the new one.
func (s *sockets) begin() (*successor, error) {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return nil, fmt.Errorf("find our own binary: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	c := exec.Command(path, os.Args[1:]...) //nolint:gosec // our own
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	s.mu.Lock()
	var names []string
	for name, f := range s.held {
		names = append(names, name)
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	s.mu.Unlock()
	c.ExtraFiles = append(c.ExtraFiles, w)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LISTEN_") }),
		"LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"),
		heirVariable+"="+strconv.Itoa(firstInherited+len(names)))
	if err := c.Start(); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("start the successor: %w", err)
	}
	n := &successor{cmd: c, words: make(chan string)}
	go func() {
		defer close(n.words)
		defer func() { _ = c.Wait() }()
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			n.words <- lines.Text()
		}
	}()
	return n, nil
}

// await waits for a word of the successor. One that does not come is ended.
func (n *successor) await(ctx context.Context, word string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := errors.New("the successor ended")
	select {
	case said, ok := <-n.words:
		if ok && said == word {
			return nil
		}
		if ok {
			err = fmt.Errorf("the successor said %q instead of %q", said, word)
		}
	case <-ctx.Done():
		err = fmt.Errorf("the successor was not %s in time: %w", word, ctx.Err())
	}
	_ = n.cmd.Process.Kill()
	for range n.words {
	}
	return err
}

// errNotTaken says that the successor failed after this process had closed its
// stores: it has to open them again.
var errNotTaken = errors.New("the hand-over failed")

// handOver gives everything to a successor. On errNotTaken this process serves
// nothing any more; on another error it goes on as before.
func (a *app) handOver(ctx context.Context) error {
	var next *successor
	var err error
	a.scheduling.AsStarted(func() { next, err = a.sockets.begin() })
	if err != nil {
		return err
	}
	if err := next.await(ctx, "ready", readyWait); err != nil {
		return err
	}
	a.log.Info("handing over", "to", next.cmd.Process.Pid)
	if a.acme != nil {
		a.acme.Close()
	}
	a.edge.WindDown()
	time.Sleep(windDown)
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOverWait)
	if err := a.edge.StopAccepting(wait); err != nil {
		a.log.Info("some exchanges last longer and stay with this process; their end is not recorded", "active", a.edge.Counters().Active)
	}
	cancel()
	all, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	a.closeStores(all)
	if err := next.await(context.WithoutCancel(ctx), "serving", servingWait); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	a.log.Info("handed over", "to", next.cmd.Process.Pid)
	return nil
}

// linger serves what lasts until it has ended, the time is up or ctx ends.
func (a *app) lingers(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, a.set.linger)
	_ = a.edge.Linger(wait)
	cancel()
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.edge.Shutdown(short); err != nil {
		a.log.Info("cut off what was left", "error", err.Error())
	}
	if a.geo != nil {
		_ = a.geo.Close()
	}
}

// takeLock waits for the data folder where a predecessor still has it.
func (a *app) takeLock(ctx context.Context) (*dataLock, error) {
	if a.sockets.heir == nil {
		return lockData(a.set.Data)
	}
	a.sockets.heir.say("ready")
	for {
		lock, err := lockData(a.set.Data)
		if err == nil || !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// tellManager tells systemd who is in charge now.
func tellManager(log *slog.Logger, state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		_, err = c.Write([]byte(state))
		_ = c.Close()
	}
	if err != nil {
		log.Warn("tell the service manager", "error", err.Error())
	}
}

func restartCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "restart",
		Short: "Replace the running process by a new one without dropping a connection",
		Long: "Asks the process that has the data folder to start its binary anew, with its\n" +
			"listening sockets, and to hand over to it. It ends when the new one serves.\n" +
			"When the new one does not come up, the old one goes on, and this says why.",
		Example: "  throughline restart --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := command(c.Context(), data, "/restart", struct{}{}); err != nil {
				return fmt.Errorf("restart: %w", err)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "the new process serves")
			return err
		},
	}
	dataFlag(c, &data)
	return c
}
