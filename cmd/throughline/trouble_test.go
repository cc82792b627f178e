package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throughline/throughline/internal/hub"
)

// TestDiskFull puts the data folder on a file system that fills up: the shop
// still answers, what is not recorded is counted, and with room again Events are
// recorded again.
func TestDiskFull(t *testing.T) {
	s := newServer(t, shopOrigin(t).URL)
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=96m"); err != nil {
		if os.Getenv("CI") != "" && os.Getuid() == 0 {
			t.Fatalf("mount: %v", err)
		}
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	if err := os.Rename(s.data, s.data+".old"); err != nil {
		t.Fatal(err)
	}
	s.data = filepath.Join(disk, "data")
	s.token = strings.TrimSpace(mustTool(t, "", "token", "create", "test", "--role", "admin", "--data", s.data))
	config, err := os.ReadFile(filepath.Join(s.dir, "throughline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "throughline.yaml"), strings.Replace(string(config), "data: data", "data: "+s.data, 1))
	s.start(t)
	if code, err := visit(s.site, "/first", fmt.Sprintf(sidOf, 1)); code != 200 || err != nil {
		t.Fatalf("%d %v", code, err)
	}
	eventually(t, "the first event is searchable", func() bool { return s.events(t) == 1 })

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	eventually(t, "something is shed", func() bool {
		for range 50 {
			if code, err := visit(s.site, "/while-full?user="+strings.Repeat("x", 200), fmt.Sprintf(sidOf, 2)); code != 200 || err != nil {
				t.Fatalf("the shop does not answer: %d %v", code, err)
			}
		}
		return shed(s) > 0
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are recorded again", func() bool {
		before := s.events(t)
		if code, err := visit(s.site, "/after", fmt.Sprintf(sidOf, 3)); code != 200 || err != nil {
			t.Fatalf("%d %v", code, err)
		}
		return s.events(t) > before && shed(s) > 0
	})
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for err == nil {
		if _, err = f.Write(block); err != nil && len(block) > 1 {
			block, err = block[:len(block)/2], nil
		}
	}
	if err := f.Close(); err != nil {
		t.Log(err)
	}
}

// shed is how many observations the status says were not recorded.
func shed(s *server) (n int64) {
	var st hub.Status
	if s.tryGet("/api/v1/status", &st) != nil {
		return 0
	}
	for _, c := range st.Shed {
		n += c
	}
	return n
}

// TestOriginDown shows that an origin's trouble is told as such and harms
// nothing else.
func TestOriginDown(t *testing.T) {
	s := newServer(t, "http://127.0.0.1:1")
	s.start(t)
	if code, err := visit(s.site, "/", fmt.Sprintf(sidOf, 1)); code != http.StatusBadGateway || err != nil {
		t.Fatalf("%d %v", code, err)
	}
	eventually(t, "the event says what happened", func() bool {
		var list hub.SessionList
		if s.tryGet("/api/v1/sessions", &list) != nil || list.Total != 1 {
			return false
		}
		var events hub.EventList
		s.get(t, "/api/v1/sessions/"+list.Sessions[0].ID+"/events", &events)
		return events.Events[0].Outcome == "error"
	})
	var st hub.Status
	s.get(t, "/api/v1/status", &st)
	if st.Sites[0].Errors != 1 {
		t.Errorf("origin errors %d", st.Sites[0].Errors)
	}
}
