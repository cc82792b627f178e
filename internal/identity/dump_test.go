package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// TestALoadedIndexGoesOnTheSame loads dumps on the way, and lets both go on.
func TestALoadedIndexGoesOnTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	a := New(small())
	var b *Index
	for i := range journey.ID(2000) {
		seed := r.Uint64()
		got := act(a, seed, 1000+i)
		if b != nil {
			if want := act(b, seed, 1000+i); !reflect.DeepEqual(got, want) {
				t.Fatalf("step %d: %v, the loaded one %v", i, got, want)
			}
		}
		if i%50 == 0 {
			a.Sweep(base + int64(i)*micros/40)
			if b != nil {
				b.Sweep(base + int64(i)*micros/40)
				if !bytes.Equal(dumped(t, a), dumped(t, b)) {
					t.Fatalf("step %d: the indexes differ", i)
				}
			}
			var d Dump
			if err := json.Unmarshal(dumped(t, a), &d); err != nil {
				t.Fatal(err)
			}
			var err error
			if b, err = Load(d, small()); err != nil {
				t.Fatal(err)
			}
			sure(t, b)
		}
	}
}

func TestADumpLoadsUnderOtherRules(t *testing.T) {
	a := New(small())
	for i := range journey.ID(500) {
		act(a, uint64(i), 1000+i)
	}
	b, err := Load(a.Dump(), DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	sure(t, b)
	if b.entries() != a.entries() {
		t.Fatalf("%d entries of %d", b.entries(), a.entries())
	}
	b.Sweep(base + 40*micros)
	if b.entries() == 0 {
		t.Fatal("it forgot by the former rules")
	}
}

// formerDump is what a build before this form wrote.
const formerDump = `{"keys":[{"k":1,"s":"10","t":1700000000000000,"l":[9],"e":"5"},{"k":2,"s":"10","t":1700000000000000},
{"k":3,"s":"20","t":1700000000000000,"l":[9]},{"k":4,"s":"30","t":1700000000000000,"x":true}],
"accounts":[{"k":9,"s":"20","t":1700000000000000,"l":[1,3]}],
"parents":[[20,10]],"sessions":[[10,3]],"dropped":2}`

func TestAFormerDumpLoads(t *testing.T) {
	var d Dump
	if err := json.Unmarshal([]byte(formerDump), &d); err != nil {
		t.Fatal(err)
	}
	x, err := Load(d, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	sure(t, x)
	now := int64(1700000000000000)
	for k, want := range map[uint64]journey.ID{1: 10, 2: 10, 3: 10, 4: 99} {
		if a := x.Start(Visitor{Session: 99, Time: now, Keys: cookies(k)}); a.SpecID != want {
			t.Errorf("key %d is of %v", k, a.SpecID)
		}
	}
	if got := x.Confirm(50, Visitor{Session: 50, Time: now}, 9); got != 10 {
		t.Errorf("the account is of %v", got)
	}
	if x.Current(20) != 10 || x.Stats().Dropped != 2 {
		t.Errorf("20 is %v, %+v", x.Current(20), x.Stats())
	}
	if x, err := Load(Dump{}, DefaultRules()); err != nil || x.entries() != 0 {
		t.Errorf("an empty dump: %v", err)
	}
}

// FuzzLoad damages dumps: each is refused, or is an index that works.
func FuzzLoad(f *testing.F) {
	x := New(small())
	f.Add(x.Dump().Packed, uint64(1))
	for i := range journey.ID(300) {
		act(x, uint64(i), 1000+i)
		if i%100 == 50 {
			f.Add(x.Dump().Packed, uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, seed uint64) {
		x, err := Load(Dump{Packed: packed}, small())
		if err != nil {
			return
		}
		for i := range journey.ID(20) {
			act(x, seed+uint64(i), 5000+i)
		}
		x.Sweep(base + 1000*micros)
	})
}

// TestFormerNumbersAreRead: an index of a build that did not count who was known.
func TestFormerNumbersAreRead(t *testing.T) {
	x := New(DefaultRules())
	for i := range journey.ID(100) {
		x.Start(Visitor{Session: 10 + i, Time: base, Keys: cookies(uint64(1 + i%50))})
	}
	if x.nums[born] != 50 || x.nums[regained] != 50 || x.nums[since] != int64(dayOf(base)) {
		t.Fatalf("%v", x.nums)
	}
	head := append([]byte(magic), binary.AppendUvarint(nil, uint64(len(x.buckets)))...)
	all := len(head) + len(binary.AppendUvarint(nil, uint64(numbers)))
	packed := x.Dump().Packed
	former := binary.AppendUvarint(slices.Clone(head), formerNumbers)
	for i, n := range x.nums {
		text := binary.AppendVarint(nil, n)
		if all += len(text); uint64(i) < formerNumbers {
			former = append(former, text...)
		}
	}
	y, err := Load(Dump{Packed: append(former, packed[all:]...)}, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	if day := dayOf(base); y.nums[born] != 50 || y.unknown(day) != unit/2 || y.watched(day) != candidateDays || y.entries() != x.entries() {
		t.Fatalf("%v", y.nums)
	}
}
