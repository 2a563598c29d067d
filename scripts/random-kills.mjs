// Kills servers at random under load, on SQLite and then on PostgreSQL, and prints the number of attempts and of losses: node
// scripts/random-kills.mjs --minutes 10

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  process.stderr.write('usage: node scripts/random-kills.mjs --minutes N\n')
  process.exit(2)
}
const { status } = spawnSync('npx', ['vitest', 'run', 'packages/server/test/faults/random-kills.test.ts'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, RANDOM_KILLS_MINUTES: String(minutes), LONG_TESTS: '1' },
  stdio: 'inherit',
})
process.exit(status ?? 1)
