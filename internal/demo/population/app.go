package population

import (
	"encoding/json"
	"net/http"

	"github.com/throughline/throughline/internal/demo/people"
)

// app is somebody using the shop's API, as the mobile app or a script does. It
// shares the visitor's habit of doing nothing after a failed step.
type app struct {
	*visitor
}

type object = map[string]any

// call sends a request and reads the JSON answer. A block page is not JSON.
func (a app) call(method, path string, body any) (int, object) {
	v := a.visitor
	if v.err != nil {
		return 0, nil
	}
	f := fetch{method: method, path: path, kind: call}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			v.err = err
			return 0, nil
		}
		f.body, f.contentType = raw, "application/json"
		if v.agent.family == okhttp {
			f.contentType = "application/json; charset=utf-8"
		}
	}
	res, err := v.send(v.ctx, f)
	if err != nil {
		v.err = err
		return 0, nil
	}
	if res.status == http.StatusForbidden || res.status == http.StatusTooManyRequests {
		v.err = errBlocked
		return res.status, nil
	}
	var out object
	if err := json.Unmarshal(res.body, &out); err != nil {
		v.err = err
	}
	return res.status, out
}

// text digs a string out of nested objects.
func text(o object, path ...string) string {
	for i, k := range path {
		if i == len(path)-1 {
			s, _ := o[k].(string)
			return s
		}
		o, _ = o[k].(object)
	}
	return ""
}

func (a app) guest() {
	_, out := a.call(http.MethodPost, "/api/guest", object{})
	a.bearer = text(out, "token")
	a.think(1, 3)
}

func (a app) login(email, password string) bool {
	a.is(email)
	status, out := a.call(http.MethodPost, "/api/login", object{"email": email, "password": password})
	if status != http.StatusOK {
		return false
	}
	a.bearer = text(out, "token")
	a.think(2, 4)
	return true
}

func (a app) products(query string) {
	a.call(http.MethodGet, "/api/products"+query, nil)
	a.think(4, 9)
}

func (a app) product(id string) {
	a.call(http.MethodGet, "/api/products/"+id, nil)
	a.think(4, 10)
}

// put sets a quantity and answers the cart's total.
func (a app) put(id string, quantity int) any {
	_, out := a.call(http.MethodPost, "/api/cart", object{"product_id": id, "quantity": quantity})
	a.think(2, 4)
	cart, _ := out["cart"].(object)
	return cart["total"]
}

// checkout pays a total and answers the order's ID, or "".
func (a app) checkout(p people.Person, card people.Card, total any) string {
	address := apiAddress(p.Address)
	_, out := a.call(http.MethodPost, "/api/checkout", object{"email": p.Email, "phone": p.Phone, "amount": total, "currency": "EUR",
		"billing": address, "shipping": address,
		"card": object{"number": card.Number, "expiry": card.Expiry, "cvv": card.CVV, "name": card.Holder}})
	return text(out, "order", "id")
}

func apiAddress(a people.Address) object {
	return object{"street": a.Street, "city": a.City, "region": a.Region, "postal_code": a.PostalCode, "country": a.Country}
}
