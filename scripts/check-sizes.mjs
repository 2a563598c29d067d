import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/**
 * The cost of an entry point, as stated in docs/contributing/dependencies.md: its bytes in a page, gzipped, and the time that Node takes to import it.
 * Only bytes are checked. Times depend on the machine; `--times` prints them.
 */
const limits = {
  'countersign/agent': 36_000,
  'countersign/agent/hono': 41_200,
  'countersign/browser': 39_000,
  'countersign/resource': 39_800,
  'countersign/editions/draft-11': 36_000,
}

const timed = [
  'countersign',
  ...Object.keys(limits),
  'countersign/agent/express',
  'countersign/agent/fastify',
  'countersign/tools',
  'countersign/agent-server',
  'countersign/delegate',
  'countersign/node',
  'countersign/signatures',
  'countersign/tokens',
  'countersign/discovery',
  'countersign/editions',
  'countersign/testing',
  'countersign/x509',
  'countersign/otel',
  'countersign/log',
  'countersign/metrics',
  'countersign-server',
  'countersign-server/sqlite',
  'countersign-server/logos',
]

let failed = false
for (const [entry, limit] of Object.entries(limits)) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${entry}'`, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  })
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length
  failed ||= bytes > limit
  process.stdout.write(`${entry}: ${bytes} bytes in a page, gzipped; limit ${limit}\n`)
}
if (process.argv.includes('--times')) {
  for (const entry of timed) process.stdout.write(`${entry}: ${importTime(entry)} ms of CPU time to import\n`)
}
process.exitCode = failed ? 1 : 0

/** The minimum of several runs, in milliseconds. */
function importTime(entry) {
  const program = `await import('${entry}'); const { user, system } = process.cpuUsage(before); console.log(user + system)`
  const times = Array.from({ length: 9 }, () => {
    const args = ['--input-type=module', '--eval', `const before = process.cpuUsage(); ${program}`]
    return Number(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout)
  })
  return Math.round(Math.min(...times) / 1000)
}
