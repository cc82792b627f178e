// Package people makes up the cast of the demo: persons with names, addresses,
// phones and payment cards that look real and belong to nobody. The shop is
// filled with them and the population plays them. Everything is a function of
// a seed, so that two runs meet the same people. Card numbers pass the Luhn
// check but their BINs are chosen freely; no number is taken from anywhere.
package people
