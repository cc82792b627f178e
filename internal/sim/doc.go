// Package sim measures how well Sessions and Spec IDs are found: a simulated
// population browses a simulated site, the same packages that the judge uses conclude
// who is who, and what they conclude is compared with the truth.
//
// What the population is like is assumed, not measured; a figure is worth as much as
// these assumptions, which docs/identity.md repeats for readers:
//
//   - People live in homes of one to four. A home has one IPv4 address for all of its
//     devices, new every twelve days or so; six access networks. Everybody has a
//     desktop and a phone, and comes to the site about eight times in 30 days.
//   - 70 % have an account, and sign in on half of their visits. 15 % of those have the
//     app. 30 % pay with a card that the home shares. One parcel in ten goes to one of
//     the lockers, each of which serves 60 people.
//   - A quarter visits from an office too: 20 to 150 people, all of whom are visitors
//     of the site, in working hours, behind one address, with identical builds.
//   - Phones away from home are behind one of three carriers' 254 addresses each, and
//     get another one in every thirtieth pause: one such visit in four sees a change.
//   - Browsers show nothing but build (eight on desktops, four on phones), version (of
//     five, 72 % have the newest; each moves on to the next once in the 30 days) and
//     language (80 % the same one).
//   - In one home of 200 with several people, they share a device and its browser. Of
//     3,000 people 12 come only by a public device that forgets them, 12 by one that
//     keeps cookies and tickets from one to the next. Fifteen people sign in to one
//     test account. A robot that keeps its cookies looks in every hour.
//   - 6 % of visits are in a private window, before 10 % browsing data is cleared,
//     before 50 % the browser was restarted: it forgets its TLS tickets, and session
//     cookies half of the time. A few restart with several tabs that load at once.
//   - A visit has a page in one case of five, else nine on average, with seconds
//     between them and in one case of twenty up to 22 minutes.
//   - Connections: four in five browsers speak HTTP/2 over one, at times two, of which
//     the second gives its ticket last, as Chromium's does; the others HTTP/1.1 over up
//     to six. All of those that a page needs are opened at once. One is closed after 75 idle seconds, or when the address changes. A
//     browser keeps the two newest tickets of a site, each for one use and a week; a
//     connection that finds none is fresh and gets an ID of its own.
//   - The cookie site sets a session cookie, which is replaced at sign-in, dropped at
//     sign-out and runs out after 24 minutes, a cookie that outlives sessions, and
//     tokens in forms. The other sites set nothing, not even at sign-in, which is
//     harder than most: they are known by tickets, or by connections, addresses and
//     browsers alone. Half of the app's tokens are replaced after an hour, half of
//     those by a request that does not carry the former.
//   - One fraud ring for 300 people: three to six actors with machines of one image and
//     six to ten accounts each, who mostly clear their cookies; half of the rings sit
//     behind one address, half behind rotating proxies. An actor buys in most visits.
//     70 % of rings have their cards in common (two more than actors), 50 % phones (one
//     more), 70 % two addresses, and all at least one of these; what is not common each
//     has alone.
//
// What is not simulated: IPv6, which makes addresses say more; client hints and header
// order, which tell classes of devices apart; people who read the site in parallel on
// two devices; proxies that put several users' requests on one connection.
package sim
