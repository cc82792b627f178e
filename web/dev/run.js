// Runs a TypeScript file under the oldest Node we support, which cannot by itself:
//   node dev/run.js e2e/shots.ts ARGS
import { resolve } from 'node:path';
import { runnerImport } from 'vite';

const [file] = process.argv.splice(2, 1);
if (!file) throw new Error('usage: node dev/run.js FILE.ts [ARGS]');
await runnerImport(resolve(file), { configFile: false, logLevel: 'error' });
