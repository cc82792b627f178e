import createClient from 'openapi-fetch';
import type { paths } from './schema';

// One client for the whole app. It carries the CSRF token and turns every
// failure into an ApiError whose message can be shown as it stands.

let csrf = '';
let onSignedOut: () => void = () => {};

export function carryCSRF(token: string) {
  csrf = token;
}

/** What to do when the Hub no longer knows us. */
export function whenSignedOut(fn: () => void) {
  onSignedOut = fn;
}

export class ApiError extends Error {
  status: number;
  /** What is wrong with each field, by its name. */
  fields: Record<string, string>;

  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.fields = fields;
  }
}

const client = createClient<paths>({ baseUrl: '', credentials: 'same-origin' });

client.use({
  onRequest({ request }) {
    if (csrf && request.method !== 'GET' && request.method !== 'HEAD') request.headers.set('X-CSRF-Token', csrf);
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== '/api/v1/login' && schemaPath !== '/api/v1/me' && schemaPath !== '/api/v1/me/password') onSignedOut();
  },
  onError() {
    return new ApiError(0, 'The Hub cannot be reached. Check the connection and try again.');
  },
});

export const api = client;

interface Problem {
  detail?: string;
  title?: string;
  errors?: { location?: string; message?: string }[] | null;
}

function problem(status: number, body: unknown): ApiError {
  const p = (typeof body === 'object' && body !== null ? body : {}) as Problem;
  const fields: Record<string, string> = {};
  for (const e of p.errors ?? []) {
    const name = (e.location ?? '').split('.').pop() ?? '';
    if (name && e.message) fields[name] = e.message;
  }
  const words = Object.entries(fields).map(([k, v]) => `${k}: ${v}`);
  const message = words.length > 0 ? words.join('; ') : (p.detail ?? p.title ?? `The Hub answered ${status}.`);
  return new ApiError(status, message.charAt(0).toUpperCase() + message.slice(1), fields);
}

/** The answer's body, or a thrown ApiError. */
export async function answerOf<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problem(response.status, error);
  return data as T;
}
