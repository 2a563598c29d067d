import { defineConfig } from 'vitest/config'

const shared = {
  testTimeout: 20_000,
  hookTimeout: 60_000,
  restoreMocks: true,
  expect: { poll: { timeout: 10_000 } },
  // What was built runs as it is: to transform it again would take longer than most files' tests.
  server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
}

export default defineConfig({
  test: {
    // For two cores: some files wait for a browser or a process.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'node',
          include: ['packages/*/test/**/*.test.ts', 'packages/*/test/**/*.test.tsx', 'test/**/*.test.ts'],
          exclude: ['**/*.browser.test.ts', '**/node_modules/**', '**/dist/**', '.node24/**'],
        },
      },
      {
        test: {
          ...shared,
          testTimeout: 90_000,
          name: 'browser',
          include: ['packages/*/test/**/*.browser.test.ts', 'test/**/*.browser.test.ts'],
        },
      },
    ],
  },
})
