import { describe, expect, it } from 'vitest';
import { inWords, valueInWords } from './evidence.ts';

const names = new Map([['ip', 'IP Address'], ['username', 'Username'], ['country', 'Country'], ['card_number', 'Card Number'], ['transaction_amount', 'Transaction Amount'], ['user_agent', 'User Agent']]);

describe('evidence in words', () => {
  it.each([
    ['entity("ip").distinct("username", "authentication_attempt", "failure", "10m")', 'Different Usernames in failed Authentication attempt events with this IP Address within 10 min'],
    ['entity("username").distinct("country", "authentication_attempt", "success", "30d")', 'Different Countries in successful Authentication attempt events with this Username within 30 d'],
    ['entity("username").distinct("ip", "1h")', 'Different IP Addresses in events with this Username within 1 h'],
    ['session.distinct("card_number", "transaction", "failure", "30m")', 'Different Card Numbers in failed Transaction events of this session within 30 min'],
    ['session.count("transaction", "failure")', 'Failed Transaction events of this session'],
    ['session.count("product_view", "1m")', 'Product view events of this session within 1 min'],
    ['session.count("10m")', 'Events of this session within 10 min'],
    ['entity("email").sum("transaction_amount", "transaction", "success", "24h")', 'Sum of Transaction Amount in successful Transaction events with this email within 24 h'],
    ['session.elapsed_since("password_reset", "success")', 'Seconds since the latest of successful Password reset events of this session'],
    ['entity("card_number").age()', 'Seconds since this Card Number was first seen'],
    ['session.has_label("account_in_new_country")', 'Label “account in new country” on this session'],
    ['session.new', 'First event of the session'],
    ['value("user_agent")', 'User Agent'],
    ['number("transaction_amount")', 'Transaction Amount'],
    ['present("shipping_address")', 'shipping address is present'],
    ['in_list("partners", value("username"))', 'Username is in the list partners'],
  ])('%s', (term, words) => expect(inWords(term, names)).toBe(words));

  it.each(['event.time - session.start', 'value("x").matches("a|b")', 'session.count(n)', 'size(value("ip"))', 'session.what("ip")', ''])(
    'leaves %s as it is', (term) => expect(inWords(term, names)).toBeNull(),
  );

  it('names a label by its title where it is known', () => {
    const titles = new Map([['abroad', 'Account used from another country']]);
    expect(inWords('session.has_label("abroad")', names, titles)).toBe('Label “Account used from another country” on this session');
  });

  it('says yes and no', () => {
    expect(valueInWords('true')).toBe('yes');
    expect(valueInWords('false')).toBe('no');
    expect(valueInWords('2440')).toBe('2440');
  });
});
