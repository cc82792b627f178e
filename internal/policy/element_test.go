package policy_test

import (
	"testing"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/policy"
)

// TestOwnElements holds that a policy's elements are known to its Specs and rules,
// whatever the order of files, and to nobody else.
func TestOwnElements(t *testing.T) {
	files := map[string]string{
		"a.yaml": "kind: spec\nname: Join\ntype: other\nmatch: {path: /join}\nrequest:\n  query.t: custom_tag\n  query.s: custom_score\n" +
			"---\nkind: label\nid: many\ntitle: Many\nseverity: low\nwhen: entity(\"custom_tag\").sum(\"custom_score\", \"1h\") > 3.0\n",
		"z.yaml": "kind: element\nid: custom_tag\nname: Tag\nis: entity\nvalue: identifier\nsensitivity: sensitive\nexample: ann\nprimary: true\nabout: A tag.\n" +
			"---\nkind: element\nid: custom_score\nname: Score\nis: attribute\nvalue: integer\nsensitivity: public\nexample: 12\n",
	}
	snap, list := policy.Compile(files)
	if len(list) > 0 {
		t.Fatal(lines(list))
	}
	d, ok := snap.Elements.Lookup("custom_tag")
	if !ok || !d.Entity || !d.Custom || !d.Hashed() || !d.Primary || d.Group == "" || d.Name != "Tag" || d.About != "A tag." {
		t.Errorf("%+v", d)
	}
	if own, all := snap.Elements.Custom(), snap.Elements.All(); len(own) != 2 || len(all) != len(element.Catalogue())+2 {
		t.Errorf("%d own of %d", len(own), len(all))
	}
	if _, ok := element.Lookup("custom_tag"); ok {
		t.Error("the catalogue has changed")
	}
	if snap.Specs[0].Elements != snap.Elements {
		t.Error("the Spec does not know the policy's elements")
	}
	delete(files, "z.yaml")
	if _, list := policy.Compile(files); len(list) != 3 {
		t.Errorf("without their documents:\n%s", lines(list))
	}
}

// TestSummingTextIsAFault holds that only numbers are added up, own or not.
func TestSummingTextIsAFault(t *testing.T) {
	for id, want := range map[string]int{"custom_score": 0, "custom_tag": 1, "transaction_amount": 0, "promo_code": 1} {
		_, list := policy.Compile(map[string]string{"a.yaml": "kind: element\nid: custom_tag\nname: Tag\nis: attribute\nvalue: identifier\nsensitivity: public\nexample: ann\n" +
			"---\nkind: element\nid: custom_score\nname: Score\nis: attribute\nvalue: integer\nsensitivity: public\nexample: 12\n" +
			"---\nkind: label\nid: many\ntitle: Many\nseverity: low\nwhen: entity(\"ip\").sum(\"" + id + "\", \"1h\") > 3.0\n"})
		if len(list) != want {
			t.Errorf("%s:\n%s", id, lines(list))
		}
	}
}
