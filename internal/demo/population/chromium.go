package population

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// chromium lets a visitor drive a real headless Chromium over its DevTools
// pipe: it looks at a few pages like a window shopper. It is given a bounded
// time and a throw-away profile.
func (p *run) chromium(ctx context.Context, wave int) {
	id := fmt.Sprintf("%s-%d", RealBrowser, wave)
	r := p.rand(id)
	s := seat{scenario: RealBrowser, id: id, agent: chromeOn(143, "X11; Linux x86_64", "Linux", false), ip: address(r, home, "GB"), country: "GB"}
	pages := []string{"/", "/search?q=" + anyQuery(r), "/product/" + anyProduct(r), "/category/" + shelves()[r.IntN(6)], "/product/" + anyProduct(r)}
	p.play(ctx, 0, s, func(v *visitor) {
		ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
		defer cancel()
		if err := p.browse(ctx, v, pages); err != nil {
			p.cfg.Logger.Warn("chromium visitor", "error", err.Error())
		}
	})
}

// browse starts the browser, opens one page after the other and ends it.
func (p *run) browse(ctx context.Context, v *visitor, pages []string) error {
	profile, err := os.MkdirTemp("", "shop-visitor-")
	if err != nil {
		return fmt.Errorf("profile folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(profile) }()

	host, _, err := net.SplitHostPort(p.cfg.Host)
	if err != nil {
		host = p.cfg.Host
	}
	cmd := exec.CommandContext(ctx, p.cfg.Chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP "+host+" "+p.target.Hostname(), "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	d, err := startDevTools(cmd)
	if err != nil {
		return err
	}
	defer d.close()

	session, err := d.openPage(ctx)
	if err != nil {
		return err
	}
	steps := []struct {
		method string
		params object
	}{
		{"Network.enable", object{}},
		{"Network.setExtraHTTPHeaders", object{"headers": object{"X-Forwarded-For": v.ip}}},
		{"Network.setUserAgentOverride", object{"userAgent": v.agent.ua, "acceptLanguage": "en-GB,en", "platform": "Linux x86_64"}},
	}
	if p.target.Scheme == "https" {
		// The demo signs its own certificate, which this profile does not know.
		steps = append(steps, struct {
			method string
			params object
		}{"Security.setIgnoreCertificateErrors", object{"ignore": true}})
	}
	for _, s := range steps {
		if _, err := d.call(ctx, session, s.method, s.params); err != nil {
			return err
		}
	}
	base := p.target.Scheme + "://" + p.cfg.Host
	if _, port, err := net.SplitHostPort(p.cfg.Host); (err != nil || port == "") && p.target.Port() != "" {
		base += ":" + p.target.Port()
	}
	for _, page := range pages {
		answer, err := d.call(ctx, session, "Page.navigate", object{"url": base + page})
		if err != nil {
			return err
		}
		if failed := text(answer, "errorText"); failed != "" {
			return fmt.Errorf("navigate to %s: %s", page, failed)
		}
		now := time.Now()
		p.cfg.Truth.change(func() {
			v.actor.Requests++
			v.actor.Windows[0].To = now
		})
		// Pictures load meanwhile; half a second is the least they need.
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		if v.think(4, 9); v.err != nil {
			return v.err
		}
	}
	return nil
}

// devTools is a Chromium at the other end of a pipe: JSON messages ended by NUL.
type devTools struct {
	cmd    *exec.Cmd
	to     *os.File
	from   *os.File
	reader *bufio.Reader
	last   int
}

func startDevTools(cmd *exec.Cmd) (*devTools, error) {
	theirIn, to, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("devtools pipe: %w", err)
	}
	from, theirOut, err := os.Pipe()
	if err != nil {
		_, _ = theirIn.Close(), to.Close()
		return nil, fmt.Errorf("devtools pipe: %w", err)
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	err = cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		_, _ = to.Close(), from.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return &devTools{cmd: cmd, to: to, from: from, reader: bufio.NewReaderSize(from, 64<<10)}, nil
}

// close ends the browser; it has nothing to save.
func (d *devTools) close() {
	_ = d.to.Close()
	_ = d.cmd.Process.Kill()
	_ = d.from.Close()
	_ = d.cmd.Wait()
}

// openPage attaches to a new tab and answers its session.
func (d *devTools) openPage(ctx context.Context) (string, error) {
	target, err := d.call(ctx, "", "Target.createTarget", object{"url": "about:blank"})
	if err != nil {
		return "", err
	}
	attached, err := d.call(ctx, "", "Target.attachToTarget", object{"targetId": text(target, "targetId"), "flatten": true})
	if err != nil {
		return "", err
	}
	return text(attached, "sessionId"), nil
}

// call sends a command and reads messages until its answer; events are dropped.
func (d *devTools) call(ctx context.Context, session, method string, params object) (object, error) {
	d.last++
	message := object{"id": d.last, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	raw, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	// The pipes know deadlines; the process is killed with the context besides.
	deadline := time.Now().Add(20 * time.Second)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := errors.Join(d.to.SetWriteDeadline(deadline), d.from.SetReadDeadline(deadline)); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if _, err := d.to.Write(append(raw, 0)); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	for {
		raw, err := d.reader.ReadBytes(0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		var answer struct {
			ID     int
			Result object
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(raw[:len(raw)-1], &answer); err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case answer.ID != d.last:
		case answer.Error != nil:
			return nil, errors.New(method + ": " + strconv.Quote(answer.Error.Message))
		default:
			return answer.Result, nil
		}
	}
}
