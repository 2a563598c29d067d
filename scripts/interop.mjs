import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, installExactly, onLoopback, run } from './installed-programs.mjs'

/**
 * Runs other implementations of draft -11 against ours: `npm run interop -- [--packages FOLDER] [--write]`. Installs mockin in a temporary
 * folder, then runs the tests without a network. FOLDER is a built checkout of aauth-dev/packages-js, which the npm registry does not have;
 * without it, the pairs with its agent and resource are not run. With --write, the outcomes and messages are written into the table of
 * peers; otherwise they must match it.
 */
const { values } = parseArgs({ options: { packages: { type: 'string' }, write: { type: 'boolean', default: false } } })
const packages = values.packages === undefined ? undefined : resolve(values.packages)
if (packages !== undefined && !existsSync(join(packages, 'agent', 'dist', 'index.js')))
  fail(`${packages} is not a built checkout of aauth-dev/packages-js: it has no agent/dist/index.js.`)

const isolated = onLoopback('peers')
const folder = join(tmpdir(), 'countersign-draft-11-peers')
installExactly(folder, { '@hellocoop/mockin': '2.0.0', '@hellocoop/httpsig': '2.2.0' })

const tests = 'packages/server/test/editions/draft-11/peers'
const env = {
  ...process.env,
  DRAFT_11_PEERS: folder,
  ...(packages === undefined ? {} : { DRAFT_11_PACKAGES: packages }),
  ...(values.write ? { DRAFT_11_PEERS_WRITE: '' } : {}),
}
run([...isolated, 'npx', 'vitest', 'run', '--no-file-parallelism', tests], { env })
if (values.write) run(['npx', 'biome', 'check', '--write', `${tests}/peers.json`])
