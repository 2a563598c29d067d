import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import type { Finished } from './run-command.js'
import { type ProgramOptions, type RunningProgram, startProgram } from './run-program.js'

/** An auth server and an API on this machine, for the tests of a file. */
export function openParties(): { authServer: string; api: string } {
  const parties = { authServer: '', api: '' }
  const stops: (() => Promise<unknown>)[] = []
  async function start(party: 'resource' | 'auth-server', ...flags: string[]): Promise<string> {
    const running = startProgram(['demo', '--only', party, '--port', '0', '--quiet', ...flags])
    stops.push(() => running.stop('SIGINT'))
    const [, id = ''] = await running.seen(/^(?:resource|auth-server) +(\S+)\n/)
    return id
  }
  beforeAll(async () => {
    parties.authServer = await start('auth-server')
    parties.api = await start('resource', '--auth-server-url', parties.authServer)
  })
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()))
  })
  return parties
}

/** The command line's own agent. */
export interface AgentAtHand {
  id: string
  folder: string
  /** Starts a command as the agent. */
  start: (args: readonly string[], options?: ProgramOptions) => RunningProgram
  run: (args: readonly string[], options?: ProgramOptions) => Promise<Finished>
}

/** An agent on this machine, in its own folder. */
export async function newAgent(authServers: readonly string[]): Promise<AgentAtHand> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-agent-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const id = `http://127.0.0.1:${await freePort()}`
  const file = { id, authServers, signingKey: 'key-1.json' }
  writeFileSync(join(folder, 'agent.json'), JSON.stringify(file), { mode: 0o600 })
  writeFileSync(join(folder, 'key-1.json'), JSON.stringify(await generatePrivateJwk({ kid: '1' })), { mode: 0o600 })
  const start: AgentAtHand['start'] = (args, options = {}) =>
    startProgram(args, { ...options, env: { COUNTERSIGN_HOME: folder } })
  return { id, folder, start, run: (args, options) => start(args, options).finished }
}
