import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** Runs the TypeScript on the page that contains a text, as it stands. */
function runBlock(marker: string, name: string) {
  const text = readFileSync(join(root, 'docs/apis/testing.md'), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code)
  const code = blocks.find((block) => block.includes(marker)) ?? ''
  // Next to the packages that it imports.
  const folder = join(root, '.reports', 'testing', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const program = join(folder, 'program.mjs')
  writeFileSync(program, transformSync(code, { loader: 'ts', format: 'esm' }).code)
  return spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 60_000 })
}

// Examples without an API are only compiled (test/readme.test.ts); the quick start is run by scripts/run-docs.mjs.
it('has an API at a port in docs/apis/testing.md that runs as it stands', () => {
  const { stdout, stderr, status } = runBlock("from 'express'", 'api-at-a-port')
  expect(stderr).toBe('')
  expect(stdout).toContain("200 [\n  {\n    agent: 'https://agent.test',")
  expect(status).toBe(0)
})

it('has an MCP server with OAuth clients in docs/apis/testing.md that runs as it stands', () => {
  const { stdout, stderr, status } = runBlock('world.accessToken', 'mcp-server')
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^true\n401 Bearer error="invalid_token", resource_metadata="https:\/\/api\.test\//)
  expect(status).toBe(0)
})
