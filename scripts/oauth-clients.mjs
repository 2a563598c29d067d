import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * Runs third-party MCP clients against the OAuth edition: `npm run clients -- [--write] [ids]`. Installs the versions in the table of
 * clients, then runs the tests without a network. With --write, their outcomes are written into the table; otherwise they must match it.
 * With --conformance, runs MCP's conformance suite instead.
 */
const tests = 'packages/server/test/editions/oauth/clients'

/** The conformance suite. It crashes on Node 20. */
const suite = {
  id: 'conformance',
  package: '@modelcontextprotocol/conformance',
  version: '0.2.0-alpha.12',
  node: '22.23.5',
}

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false }, conformance: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const programs = JSON.parse(readFileSync(`${tests}/clients.json`, 'utf8')).filter(({ program }) => program)
const unknown = positionals.filter((id) => !programs.some((each) => each.id === id))
if (unknown.length > 0) fail(`No such client: ${unknown.join(', ')}. Use ${programs.map(({ id }) => id).join(', ')}.`)

const isolated = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--net', '--fork']
const onLoopback = [...isolated, 'sh', '-ec', 'ip link set lo up; exec "$@"', 'sh']
if (spawnSync(onLoopback[0], [...onLoopback.slice(1), 'true']).status !== 0)
  fail('The clients run without a network, which needs Linux with unshare (util-linux) and ip (iproute2).')

const folder = join(tmpdir(), 'countersign-oauth-clients')
const chosen = programs.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
for (const each of values.conformance ? [suite] : chosen) install(each)

const files = values.conformance ? ['conformance'] : ['program-clients', ...(values.write ? ['sdk-clients'] : [])]
const named = positionals.length === 0 ? [] : ['-t', positionals.map((id) => `^${id} `).join('|')]
const vitest = ['npx', 'vitest', 'run', '--no-file-parallelism', ...files.map((file) => `${tests}/${file}`), ...named]
const write = values.write ? { OAUTH_CLIENTS_WRITE: '' } : {}
run([...onLoopback, ...vitest], { env: { ...process.env, OAUTH_CLIENTS: folder, ...write } })

/** Installs exactly this version outside the repository, unless it is already there. */
function install({ id, package: name, version, node }) {
  const prefix = join(folder, id)
  const packages = { [name]: version, ...(node && { [`node-${process.platform}-${process.arch}`]: node }) }
  const isThere = Object.entries(packages).every(([each, wanted]) => {
    const manifest = join(prefix, 'node_modules', each, 'package.json')
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === wanted
  })
  if (isThere) return
  mkdirSync(prefix, { recursive: true })
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
  const exact = Object.entries(packages).map(([each, wanted]) => `${each}@${wanted}`)
  run(['npm', 'install', '--prefix', prefix, ...options, ...exact])
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
