import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * Runs third-party MCP clients against the OAuth edition: `npm run clients -- [--write] [ids]`. Installs the versions in the table of
 * clients, then runs the tests without a network. With --write, their outcomes are written into the table; otherwise they must match it.
 */
const table = 'packages/server/test/editions/oauth/clients/clients.json'

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const rows = JSON.parse(readFileSync(table, 'utf8')).filter(({ program }) => program)
const chosen = rows.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
const unknown = positionals.filter((id) => !rows.some((row) => row.id === id))
if (unknown.length > 0) fail(`no such client: ${unknown.join(', ')}. Use ${rows.map(({ id }) => id).join(', ')}.`)

const folder = join(tmpdir(), 'countersign-oauth-clients')
const isolated = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--net', '--fork']
const onLoopback = [...isolated, 'sh', '-ec', 'ip link set lo up; exec "$@"', 'sh']
if (spawnSync(onLoopback[0], [...onLoopback.slice(1), 'true']).status !== 0)
  fail('These clients run without a network, which needs Linux with unshare (util-linux) and ip (iproute2).')

for (const { id, package: name, version, node } of chosen) {
  const runtime = node === undefined ? [] : [`node-${process.platform}-${process.arch}@${node}`]
  install(join(folder, id), [`${name}@${version}`, ...runtime])
}

const names = chosen.map(({ id }) => `^${id} `).join('|')
const write = values.write ? { OAUTH_CLIENTS_WRITE: '' } : {}
run(
  [
    ...onLoopback,
    'npx',
    'vitest',
    'run',
    '--no-file-parallelism',
    `${table.slice(0, -'clients.json'.length)}program`,
    '-t',
    names,
  ],
  {
    env: { ...process.env, OAUTH_CLIENTS: folder, ...write },
  },
)

/** Installs exactly these packages, unless they are already there. Nothing of the repository changes. */
function install(prefix, packages) {
  const isThere = packages.every((each) => {
    const at = each.lastIndexOf('@')
    const manifest = join(prefix, 'node_modules', each.slice(0, at), 'package.json')
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === each.slice(at + 1)
  })
  if (isThere) return
  mkdirSync(prefix, { recursive: true })
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
  run(['npm', 'install', '--prefix', prefix, ...options, ...packages])
}

function run([command, ...args], options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
