import type { Recognised } from '../api/types';

/** How a visitor was known on the first request, in a few words. */
export const recognisedWord: Record<Recognised, string> = {
  new: 'New visitor',
  connection: 'Connection',
  cookie: 'Session cookie',
  bearer: 'Bearer token',
  token: 'Taught token',
  ticket: 'TLS ticket',
  device: 'Device cookie',
  unrecorded: 'Not recorded',
};

export const recognisedHint: Record<Recognised, string> = {
  new: 'No key that this visitor carried was known',
  connection: 'The first request came over a TLS connection that was known',
  cookie: 'The first request carried a session cookie of the origin that was known',
  bearer: 'The first request carried a bearer token that was known',
  token: 'The first request carried a token that a response had taught',
  ticket: 'The first request came over a TLS connection resumed with a ticket that was known',
  device: 'The first request carried a long-lived cookie that was known',
  unrecorded: 'From before this was recorded',
};

/** Surest first, those without a key last. */
export const recognisedKinds = Object.keys(recognisedWord).filter((k) => k !== 'new' && k !== 'unrecorded').concat('new', 'unrecorded') as Recognised[];
