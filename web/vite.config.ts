import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { answer } from './dev/answer.ts';

const flagFolder = fileURLToPath(new URL('./node_modules/country-flag-icons/3x2/', import.meta.url));

// Flags are served as /flags/DE.svg: a fixed name needs no table of 250 addresses
// in the first script, and the browser fetches only those it shows.
function flags(): Plugin {
  const files = readdirSync(flagFolder).filter((f) => /^[A-Z]{2}\.svg$/.test(f));
  return {
    name: 'flags',
    configureServer(server) {
      server.middlewares.use('/flags', (req, res, next) => {
        const file = (req.url ?? '').slice(1).split('?')[0] ?? '';
        if (!files.includes(file)) return next();
        res.setHeader('Content-Type', 'image/svg+xml');
        res.end(readFileSync(flagFolder + file));
      });
    },
    generateBundle() {
      for (const f of files) {
        this.emitFile({ type: 'asset', fileName: `flags/${f}`, source: readFileSync(flagFolder + f) });
      }
    },
  };
}

// Without TL_HUB_URL, `vite dev` answers the API from invented data.
function fixture(): Plugin {
  return {
    name: 'fixture',
    apply: 'serve',
    configureServer(server) {
      server.middlewares.use((req, res, next) => {
        if (!answer(req, res)) next();
      });
    },
  };
}

const hub = process.env.TL_HUB_URL;

export default defineConfig({
  plugins: [react(), flags(), ...(hub ? [] : [fixture()])],
  server: { port: 5173, proxy: hub ? { '/api': { target: hub, changeOrigin: false } } : {} },
  build: {
    target: 'es2022',
    // Everything is a file of its own: data: addresses would need a wider content policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
