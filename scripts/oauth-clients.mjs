import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, installExactly, onLoopback, run } from './installed-programs.mjs'

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

const isolated = onLoopback('clients')

const folder = join(tmpdir(), 'countersign-oauth-clients')
const chosen = programs.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
for (const each of values.conformance ? [suite] : chosen) install(each)

const files = values.conformance ? ['conformance'] : ['program-clients', ...(values.write ? ['sdk-clients'] : [])]
const named = positionals.length === 0 ? [] : ['-t', positionals.map((id) => `^${id} `).join('|')]
const vitest = ['npx', 'vitest', 'run', '--no-file-parallelism', ...files.map((file) => `${tests}/${file}`), ...named]
const write = values.write ? { OAUTH_CLIENTS_WRITE: '' } : {}
run([...isolated, ...vitest], { env: { ...process.env, OAUTH_CLIENTS: folder, ...write } })

function install({ id, package: name, version, node }) {
  const program = node && { [`node-${process.platform}-${process.arch}`]: node }
  installExactly(join(folder, id), { [name]: version, ...program })
}
