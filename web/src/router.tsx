import { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { ApiError, whenSignedOut } from './api/client';
import { meQuery } from './api/queries';
import { Failed, Loading } from './design/parts';
import type { Search } from './pages/sessions/view';
import { NotFound } from './shell/NotFound';
import { Shell } from './shell/Shell';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: true,
      // A wrong question stays wrong; only what may heal is asked again.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (n) => Math.min(500 * 2 ** n, 4000),
    },
  },
});

const anySearch = (s: Record<string, unknown>): Search => s as Search;

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFound,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/signin',
  validateSearch: (s: Record<string, unknown>): { next?: string } => (typeof s.next === 'string' ? { next: s.next } : {}),
  component: lazyRouteComponent(() => import('./pages/door/SignIn'), 'SignIn'),
});

const setUp = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  validateSearch: (s: Record<string, unknown>): { token?: string } => (typeof s.token === 'string' ? { token: s.token } : {}),
  component: lazyRouteComponent(() => import('./pages/door/SetUp'), 'SetUp'),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) throw redirect({ to: '/signin', search: location.href === '/' ? {} : { next: location.href }, replace: true });
      throw e;
    }
  },
  component: Shell,
  errorComponent: ({ error, reset }) => (
    <Failed
      error={error instanceof Error ? error : new Error(String(error))}
      what="The Hub did not answer"
      retry={() => {
        reset();
        return router.invalidate();
      }}
    />
  ),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/sessions', replace: true });
  },
});

const sessions = createRoute({
  getParentRoute: () => shell,
  path: '/sessions',
  validateSearch: anySearch,
  component: lazyRouteComponent(() => import('./pages/sessions/SessionsPage'), 'SessionsPage'),
});

const session = createRoute({
  getParentRoute: () => shell,
  path: '/sessions/$id',
  validateSearch: anySearch,
  component: lazyRouteComponent(() => import('./pages/session/SessionPage'), 'SessionPage'),
});

const event = createRoute({
  getParentRoute: () => shell,
  path: '/events/$id',
  component: lazyRouteComponent(() => import('./pages/session/EventPage'), 'EventPage'),
});

const entity = createRoute({
  getParentRoute: () => shell,
  path: '/entities/$id',
  component: lazyRouteComponent(() => import('./pages/entity/EntityPage'), 'EntityPage'),
});

const spec = createRoute({
  getParentRoute: () => shell,
  path: '/spec-ids/$id',
  validateSearch: anySearch,
  component: lazyRouteComponent(() => import('./pages/spec/SpecPage'), 'SpecPage'),
});

const recognition = createRoute({
  getParentRoute: () => shell,
  path: '/recognition',
  validateSearch: anySearch,
  component: lazyRouteComponent(() => import('./pages/recognition/RecognitionPage'), 'RecognitionPage'),
});

const status = createRoute({
  getParentRoute: () => shell,
  path: '/status',
  component: lazyRouteComponent(() => import('./pages/status/StatusPage'), 'StatusPage'),
});

const discovery = createRoute({
  getParentRoute: () => shell,
  path: '/discovery',
  component: lazyRouteComponent(() => import('./pages/discovery/DiscoveryPage'), 'DiscoveryPage'),
});

// Below the shell, so that one who is signed in keeps the way to the pages there are.
const other = createRoute({ getParentRoute: () => shell, path: '$', component: NotFound });

export const router = createRouter({
  routeTree: root.addChildren([signIn, setUp, shell.addChildren([home, sessions, session, event, entity, spec, recognition, discovery, status, other])]),
  context: { queryClient },
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading lines={8} />,
  scrollRestoration: true,
  // Plain name=text, readable and short; what the text means is each page's own.
  parseSearch: (s) => Object.fromEntries(new URLSearchParams(s)),
  stringifySearch: (search) => {
    const p = new URLSearchParams();
    for (const [k, v] of Object.entries(search as Search)) if (v !== undefined && v !== '') p.set(k, String(v));
    const s = p.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
    return s ? `?${s}` : '';
  },
});

whenSignedOut(() => {
  if (router.state.location.pathname === '/signin') return;
  const next = router.state.location.href;
  queryClient.clear();
  void router.navigate({ to: '/signin', search: { next }, replace: true });
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
