package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lab is the running origin and peers, and where their files are.
type lab struct {
	dir   string
	procs map[string]*exec.Cmd
	ports map[string]map[string]int // by peer, by listener
	warm  map[int]bool              // processes that have stored Events before
}

// ports are fixed, since the peers' configurations name them.
const (
	originPort    = 19000
	tlsOriginPort = 19001
)

// openLab starts everybody; profiled says whether our processes are to keep a profile,
// twice whether there is to be one of them without lanes, too.
func openLab(binary string, profiled, twice bool) (*lab, error) {
	for _, tool := range []string{"cc", "chrt", "nginx", "haproxy", "wrk", "h2load"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is needed on this machine: %w", tool, err)
		}
	}
	dir, err := os.MkdirTemp("", "throughline-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, procs: map[string]*exec.Cmd{}, warm: map[int]bool{}, ports: map[string]map[string]int{
		"direct":       {"http": originPort, "shop": originPort},
		"ReverseProxy": {"http": 19040},
		"floor":        {"http": 19041},
		"nginx-batch":  {"http": 19013},
		"nginx":        {"http": 19010, "shop": 19010, "tls": 19011, "tls-tls": 19012},
		"haproxy":      {"http": 19020, "tls": 19021, "tls-tls": 19022},
		"throughline":  {"http": 19030, "tls": 19031, "tls-tls": 19033, "shop": 19036},
	}}
	if twice {
		l.ports[noLanes] = map[string]int{"http": 19050}
	}
	if err := l.start(binary, profiled); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) start(binary string, profiled bool) error {
	for _, name := range []string{"origin", "load"} {
		out, err := exec.Command("cc", "-O2", "-o", l.path(name), filepath.Join("bench", "wire", "load", name+".c")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cc %s.c: %w\n%s", name, err, out)
		}
	}
	for _, name := range []string{"reverseproxy", "floor"} {
		if out, err := exec.Command("go", "build", "-o", l.path(name), "./bench/wire/"+name).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	if err := writeFiles(l.dir); err != nil {
		return err
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		args []string
	}{
		{"origin", []string{l.path("origin"), strconv.Itoa(originPort)}},
		{"tls-origin", []string{"nginx", "-p", l.dir, "-c", "origin.conf"}},
		{"nginx", []string{"nginx", "-p", l.dir, "-c", "nginx.conf"}},
		{"haproxy", []string{"haproxy", "-f", "haproxy.cfg"}},
		{"throughline", []string{binary, "serve", "--config", "throughline.yaml"}},
		{"throughline-tls", []string{binary, "serve", "--config", "throughline-tls.yaml"}},
		{"throughline-shop", []string{binary, "serve", "--config", "throughline-shop.yaml"}},
		{noLanes, []string{binary, "serve", "--config", "no-lanes.yaml"}},
		{"ReverseProxy", []string{l.path("reverseproxy"), "127.0.0.1:19040", fmt.Sprintf("http://127.0.0.1:%d", originPort)}},
		{"floor", []string{"chrt", "-b", "0", l.path("floor"), "127.0.0.1:19041", fmt.Sprintf("127.0.0.1:%d", originPort)}},
		{"nginx-batch", []string{"chrt", "-b", "0", "nginx", "-p", l.dir, "-c", "nginx-batch.conf"}},
	} {
		if p.name == noLanes && l.ports[noLanes] == nil {
			continue
		}
		if profiled && p.args[0] == binary {
			p.args = append(p.args, "--cpu-profile", p.name+".pprof")
		}
		c := exec.Command(p.args[0], p.args[1:]...)
		c.Dir = l.dir
		log, err := os.Create(l.path(p.name + ".log"))
		if err != nil {
			return err
		}
		c.Stdout, c.Stderr = log, log
		if err := c.Start(); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		l.procs[p.name] = c
	}
	for peer, listeners := range l.ports {
		for _, port := range listeners {
			if err := l.wait(port); err != nil {
				return fmt.Errorf("%s: %w", peer, err)
			}
		}
	}
	return l.wait(tlsOriginPort)
}

func (l *lab) wait(port int) error {
	for range 200 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	logs, _ := filepath.Glob(l.path("*.log"))
	var text []byte
	for _, f := range logs {
		b, _ := os.ReadFile(f)
		text = append(text, b[max(0, len(b)-500):]...)
	}
	return fmt.Errorf("nobody listens on %d\n%s", port, text)
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) close() {
	l.stop()
	_ = os.RemoveAll(l.dir)
}

// stop ends everybody, whose files stay.
func (l *lab) stop() {
	for _, c := range l.procs {
		_ = c.Process.Signal(os.Interrupt)
	}
	for name, c := range l.procs {
		ended := make(chan struct{})
		go func() { _ = c.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
		}
		delete(l.procs, name)
	}
}

var (
	wrkCount = regexp.MustCompile(`(\d+) requests in`)
	wrkRate  = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	wrkBad   = regexp.MustCompile(`Non-2xx|Socket errors`)
)

// measure loads one peer once. cpu_per_request is in microseconds, latencies too.
func (l *lab) measure(s scenario, peer string, length time.Duration) (map[string]float64, error) {
	port, pid := l.ports[peer][s.listen], l.pid(peer, s)
	before := cpu(pid)
	var n float64
	out := map[string]float64{}
	if s.h2 {
		var err error
		if n, err = l.h2load(port, length); err != nil {
			return nil, err
		}
		out["requests_per_second"] = n / length.Seconds()
	} else if s.rate == 0 {
		scheme := "http"
		if s.listen != "http" {
			scheme = "https"
		}
		text, err := exec.Command("wrk", "-t1", "-c64", "-d"+length.String(), "-s", l.path(s.script+".lua"),
			fmt.Sprintf("%s://127.0.0.1:%d/", scheme, port)).CombinedOutput()
		if err != nil || wrkBad.Match(text) {
			return nil, fmt.Errorf("wrk: %w\n%s", err, text)
		}
		n = number(wrkCount, text)
		out["requests_per_second"] = number(wrkRate, text)
	} else {
		args := []string{strconv.Itoa(port), strconv.Itoa(s.rate), fmt.Sprint(length.Seconds()), "64", l.path(s.script + ".req")}
		if s.every > 0 {
			args = append(args, strconv.Itoa(s.every), l.path(map[string]string{"events": "matched", "sync": "sync"}[s.name]+".req"))
		}
		var errs bytes.Buffer
		c := exec.Command(l.path("load"), args...)
		c.Stderr = &errs
		text, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("load: %w %s", err, errs.String())
		}
		for pair := range strings.FieldsSeq(string(text)) {
			k, v, _ := strings.Cut(pair, "=")
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, err
			}
			if k == "n" {
				n = f
			} else {
				out[k] = f
			}
		}
	}
	out["n"] = n
	if pid != 0 && n > 0 {
		out["cpu_per_request"] = (cpu(pid) - before).Seconds() * 1e6 / n
	}
	return out, nil
}

// pid is the process of a peer that serves a scenario, 0 when there is none.
func (l *lab) pid(peer string, s scenario) int {
	if peer == "throughline" && s.listen == "tls-tls" {
		peer = "throughline-tls"
	}
	if peer == "throughline" && s.listen == "shop" {
		peer = "throughline-shop"
	}
	if c := l.procs[peer]; c != nil {
		return c.Process.Pid
	}
	return 0
}

var h2Done = regexp.MustCompile(`requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, 0 failed, 0 errored`)

// h2load asks over HTTP/2, ten streams at once on each of 16 connections, and
// answers how many requests there were.
func (l *lab) h2load(port int, length time.Duration) (float64, error) {
	args := []string{"-t1", "-c16", "-m10", fmt.Sprintf("-D%d", int(length.Seconds()))}
	for line := range strings.Lines(browser) {
		if !strings.HasPrefix(line, "Host:") {
			args = append(args, "-H", strings.TrimSpace(line))
		}
	}
	text, err := exec.Command("h2load", append(args, fmt.Sprintf("https://127.0.0.1:%d/small?id=42", port))...).CombinedOutput()
	if err != nil || !h2Done.Match(text) {
		return 0, fmt.Errorf("h2load: %w\n%s", err, text)
	}
	return number(h2Done, text), nil
}

func number(re *regexp.Regexp, text []byte) float64 {
	m := re.FindSubmatch(text)
	if m == nil {
		return 0
	}
	f, _ := strconv.ParseFloat(string(m[1]), 64)
	return f
}

// cpu is what a process and its children have used, by the scheduler's own
// nanoseconds.
func cpu(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	var sum time.Duration
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if err == nil {
			first, _, _ := strings.Cut(string(text), " ")
			n, _ := strconv.ParseInt(first, 10, 64)
			sum += time.Duration(n)
		}
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		for c := range strings.FieldsSeq(string(children)) {
			n, _ := strconv.Atoi(c)
			sum += cpu(n)
		}
	}
	return sum
}
