// Package shop is a small but true web shop: the origin that the demo protects.
// It serves HTML pages with a session cookie and CSRF tokens, and a JSON API
// with bearer tokens for the mobile app. Everything lives in memory and is
// bounded; nothing in it knows that it is watched, except that an order placed
// under a risk tag from the edge is held for review (see HeaderRisk).
//
// The demo command and tests call New and serve the result. Answers a client
// can rely on: a form that succeeds redirects with 303; a form with a mistake,
// a wrong password included, comes back as the page with a message and 422; a
// declined card is 402; a missing or wrong CSRF token is 403. The API answers
// 401 to a failed login or missing token, 402 to a declined card, 422 to a
// mistake, 201 to what it created, and errors as
// {"error":{"code":"...","message":"..."}}.
package shop
