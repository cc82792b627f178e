package shop

import (
	"fmt"
	"hash/fnv"
	"sort"
	"strings"
)

// Category is a shelf of the shop.
type Category struct {
	Slug, Name, Blurb string
}

// Product is one thing on sale. Prices are in cents.
type Product struct {
	ID       string
	Name     string
	Category string // slug
	Price    int64
	Blurb    string
	Rating   int // tenths of a star
}

// Image is the path of the product's picture.
func (p *Product) Image() string { return "/static/img/" + p.ID + ".svg" }

// catalog is the fixed range of goods, indexed for the pages.
type catalog struct {
	categories []Category
	products   []*Product
	byID       map[string]*Product
}

func newCatalog() *catalog {
	c := &catalog{byID: map[string]*Product{}, categories: []Category{
		{"lighting", "Lighting", "Lamps and lanterns for long evenings."},
		{"kitchen", "Kitchen", "Tools that earn their place on the counter."},
		{"textiles", "Textiles", "Wool, linen and cotton from small mills."},
		{"desk", "Desk", "For thinking, writing and the occasional doodle."},
		{"outdoor", "Outdoor", "Out of the door, whatever the weather."},
		{"audio", "Audio", "Listen closer."},
	}}
	id, shelves := 101, goods()
	for _, cat := range c.categories {
		for _, line := range strings.Split(strings.TrimSpace(shelves[cat.Slug]), "\n") {
			part := strings.SplitN(line, "|", 3)
			var price int64
			if _, err := fmt.Sscan(part[1], &price); err != nil {
				panic("shop: catalog line without a price: " + line)
			}
			h := fnv.New32a()
			_, _ = h.Write([]byte(part[0]))
			p := &Product{ID: fmt.Sprintf("p%d", id), Name: part[0], Category: cat.Slug, Price: price * 100,
				Blurb: part[2], Rating: 38 + int(h.Sum32()%13)}
			c.products = append(c.products, p)
			c.byID[p.ID] = p
			id++
		}
	}
	return c
}

func (c *catalog) category(slug string) (Category, bool) {
	for _, cat := range c.categories {
		if cat.Slug == slug {
			return cat, true
		}
	}
	return Category{}, false
}

func (c *catalog) in(slug string) []*Product {
	var out []*Product
	for _, p := range c.products {
		if p.Category == slug {
			out = append(out, p)
		}
	}
	return out
}

// window is what the home page shows: two goods of every shelf.
func (c *catalog) window() []*Product {
	var out []*Product
	for i, p := range c.products {
		if i%5 == 3 {
			out = append(out, p)
		}
	}
	return out
}

// search finds products that hold every word of q, names before blurbs.
func (c *catalog) search(q string) []*Product {
	words := strings.Fields(strings.ToLower(q))
	if len(words) == 0 {
		return nil
	}
	type hit struct {
		p     *Product
		score int
	}
	var hits []hit
	for _, p := range c.products {
		name, all := strings.ToLower(p.Name), strings.ToLower(p.Name+" "+p.Category+" "+p.Blurb)
		score := 1
		for _, w := range words {
			switch {
			case strings.Contains(name, w):
				score += 2
			case strings.Contains(all, w):
			default:
				score = 0
			}
			if score == 0 {
				break
			}
		}
		if score > 0 {
			hits = append(hits, hit{p, score})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].score > hits[j].score })
	out := make([]*Product, len(hits))
	for i, h := range hits {
		out[i] = h.p
	}
	return out
}

// related gives a few other goods of the same shelf.
func (c *catalog) related(p *Product, n int) []*Product {
	shelf := c.in(p.Category)
	at := 0
	for i, q := range shelf {
		if q == p {
			at = i
		}
	}
	var out []*Product
	for i := 1; i < len(shelf) && len(out) < n; i++ {
		out = append(out, shelf[(at+i)%len(shelf)])
	}
	return out
}

// goods lists name, whole price and blurb by shelf.
func goods() map[string]string {
	return map[string]string{
		"lighting": `
Paper Moon Pendant|89|Washi shade on a steel ring, soft as fog.
Harbour Desk Lamp|129|Brass arm, enamel shade, three joints.
Beeswax Pillar Candle|18|Forty hours of honey-coloured light.
Lantern No. 4|64|Storm glass and a wick that never sulks.
Opal Globe Lamp|149|Mouth-blown opal glass on an oak foot.
Cord Light, Moss|39|A bulb, a cord, a good green.
Alder Floor Lamp|289|Turned alder and a linen drum.
Night Owl Reading Light|49|Clips to a page, spares the sleeper.
String of Twelve|32|Twelve warm bulbs for a balcony.
Smoked Glass Sconce|119|Casts a long, amber shadow.`,
		"kitchen": `
Carbon Steel Pan 26|72|Seasons to a shine, outlives its owner.
Stoneware Mixing Bowl|38|Speckled glaze and a proper spout.
Larch Cutting Board|54|End grain, kind to knives.
Espresso Machine Duo|1290|Two boilers, one lever, no hurry.
Burr Grinder|219|Forty steps from Turkish to plunger.
Copper Sauce Pot|185|Heats the second you ask.
Linen Tea Towels, Pair|24|Dry a glass without a trace.
Salt Cellar|29|Olive wood, magnetic lid.
Chef's Knife 21|168|Blue paper steel, walnut handle.
Glass Teapot|46|Watch the leaves unfold.`,
		"textiles": `
Merino Throw, Slate|139|Woven on looms from 1920.
Linen Duvet Set|229|Washed, rumpled, better every year.
Wool Socks, Three Pairs|36|For boots, slippers and neither.
Kilim Cushion|58|Geometry from the Taurus mountains.
Cotton Bath Sheet|44|Large enough to hide in.
Rag Rug, Runner|96|Old shirts, new life.
Alpaca Scarf|82|Warm as a promise.
Waxed Canvas Apron|68|Pockets where hands expect them.
Quilt, Autumn|319|Nine shades of leaf, hand-stitched.
Flannel Pyjamas|88|Sunday, any day.`,
		"desk": `
Dot Grid Notebook|16|Lies flat, takes ink.
Fountain Pen, Pine|74|Fine nib, piston filler.
Walnut Monitor Stand|112|Lifts the screen, hides the mess.
Felt Desk Mat|48|Quiet under keys and cups.
Mechanical Keyboard 65|189|Hot-swap, brass plate, polite clack.
Brass Ruler|22|Thirty centimetres, no excuses.
Leather Card Sleeve|42|Four cards and a folded note.
Standing Desk, Oak|940|Two motors and a memory.
Pencil Set, Graphite|14|From 4H to 6B in a tin.
Letter Tray|34|For paper that still matters.`,
		"outdoor": `
Enamel Mug|12|Survives campfires and toddlers.
Day Pack 22L|128|Roll top, recycled sailcloth.
Rain Shell|245|Three layers, pit zips, no rustle.
Trail Blanket|79|Folds into its own pocket.
Titanium Spork|19|Twelve grams of dinner.
Two-Person Tent|469|Up in four minutes, in the dark.
Field Binoculars 8x32|329|Bright at dusk, light at noon.
Wool Cap|28|Covers the ears that matter.
Camp Stove|98|Boils a litre in three minutes.
Gravel Bike, Size M|1890|Steel frame, wide tyres, long way home.`,
		"audio": `
Turntable One|690|Belt drive, carbon arm, no lights.
Bookshelf Speakers|540|Paper cones in birch ply.
Studio Headphones|249|Closed back, honest middle.
Pocket Radio|59|FM, AM and a leather strap.
Record Brush|17|Carbon fibre, velvet pad.
Tube Amplifier|1150|Fourteen watts of glow.
Wireless Speaker, Clay|199|Room-filling, kiln-fired.
In-Ear Monitors|149|Shut the train out.
Vinyl Crate|65|Holds seventy good evenings.
Metronome|84|Beech, wound by hand.`,
	}
}
