import { defineConfig } from 'vitest/config';

// The pages in a real browser against a running Hub: TL_HUB_URL, TL_USER, TL_PASSWORD.
export default defineConfig({
  test: { include: ['e2e/**/*.test.ts'], environment: 'node', fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});
