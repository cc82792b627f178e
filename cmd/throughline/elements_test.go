package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/element"
)

func TestElementsAreListed(t *testing.T) {
	list := func(args ...string) (string, error) {
		var out bytes.Buffer
		c := elementsCommand()
		c.SetArgs(args)
		c.SetOut(&out)
		c.SetErr(&out)
		c.SilenceUsage, c.SilenceErrors = true, true
		err := c.Execute()
		return out.String(), err
	}
	text, err := list()
	if err != nil || strings.Count(text, "\n") != len(element.Catalogue())+1 || !strings.Contains(text, "entity, ") && !strings.Contains(text, "attribute, computed") {
		t.Fatalf("%v %.300s", err, text)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "own.yaml"), "kind: element\nid: custom_tag\nname: Tag\nis: entity\nvalue: identifier\nsensitivity: sensitive\nexample: ann\n")
	text, err = list("--json", "--policy", dir)
	var got []elementLine
	if err != nil || json.Unmarshal([]byte(text), &got) != nil || len(got) != len(element.Catalogue())+1 {
		t.Fatalf("%v %.300s", err, text)
	}
	if e := got[len(got)-1]; e.ID != "custom_tag" || !e.Custom || !e.Entity || e.Stored != element.Hashed || e.Group == "" {
		t.Errorf("%+v", e)
	}
	write(t, filepath.Join(dir, "own.yaml"), "kind: element\nid: tag\n")
	if text, err = list("--policy", dir); err == nil || !strings.Contains(text, "own.yaml:2:1: id:") {
		t.Errorf("%v %s", err, text)
	}
}
