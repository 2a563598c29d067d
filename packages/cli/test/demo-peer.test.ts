import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { canRunPeer, type Peer, startPeer } from '../../../test/peer/start-peer.js'
import { runInProcess, startProgram } from './run-program.js'

const runnable = canRunPeer()
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** Starts one of our parties; resolves to its identifier. */
async function ours(party: 'resource' | 'auth-server', ...flags: string[]): Promise<string> {
  const running = startProgram(['demo', '--only', party, '--port', '0', '--quiet', ...flags])
  stops.push(() => running.stop('SIGINT'))
  const [, id = ''] = await running.seen(/^(?:resource|auth-server) +(\S+)\n/)
  return id
}

async function peers(...args: Parameters<typeof startPeer>): Promise<Peer> {
  const peer = await startPeer(...args)
  stops.push(() => peer.stop())
  return peer
}

/** Runs our agent against a resource. */
async function askAs(resource: string, authServer: string, ...flags: string[]) {
  const own = ['--only', 'agent', '--port', '0', '--auth-server-url', authServer]
  return runInProcess('demo', ...own, '--resource-url', `${resource}/data-auth`, '--quiet', ...flags)
}

const scope = 'data.read data.write'

describe.skipIf(!runnable)('countersign demo --only … --interop with a peer in another language', () => {
  it.each([
    ['the peer’s', 'the peer’s'],
    ['the peer’s', 'ours'],
    ['ours', 'the peer’s'],
  ])('runs our agent if the auth server is %s and the resource %s', async (server, resource) => {
    const authServer =
      server === 'ours'
        ? await ours('auth-server', '--interop')
        : (await peers('auth-server', '--refuse-nonce', '400')).id
    const id =
      resource === 'ours'
        ? await ours('resource', '--interop', '--auth-server-url', authServer)
        : (await peers('resource', '--refuse-nonce', '400', '--auth-server-url', authServer)).id
    const { status, stdout, stderr } = await askAs(id, authServer, '--interop')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^200 \{"message":"Access granted",/)
    expect(stdout).toContain(`"scope":"${scope}"`)
    expect(await askAs(id, authServer, '--interop', '--deny')).toMatchObject({ status: 0, stdout: 'access_denied\n' })
  })

  it.each([
    ['ours', 'ours'],
    ['ours', 'the peer’s'],
    ['the peer’s', 'ours'],
  ])('accepts the peer’s agent if the auth server is %s and the resource %s', async (server, resource) => {
    const authServer = server === 'ours' ? await ours('auth-server', '--interop') : (await peers('auth-server')).id
    const known = ['--auth-server-url', authServer]
    const id =
      resource === 'ours' ? await ours('resource', '--interop', ...known) : (await peers('resource', ...known)).id
    // Each agent is a new one with the same identifier: it has a new key under the old kid.
    const port = String(await freePort())
    for (const [method, flags] of [['GET', []] as const, ['POST', ['--body', '{"note":1}']] as const]) {
      const agent = await peers('agent', '--port', port, '--resource-url', `${id}/data-auth`, ...flags)
      expect(await agent.ended).toBe(0)
      expect(JSON.parse(agent.lines.at(-1) ?? '')).toMatchObject({
        status: 200,
        body: { message: 'Access granted', agent: agent.id, method, scope },
      })
    }
  })

  it('applies to a single agent if --agent-id names it', async () => {
    const port = await freePort()
    const named = ['--interop', '--agent-id', `http://127.0.0.1:${port}`]
    const resource = await ours('resource', ...named, '--auth-server-url', await ours('auth-server', ...named))
    const outcomes: [number | null, string | undefined][] = []
    for (const flags of [[], ['--port', String(port)]]) {
      const agent = await peers('agent', '--resource-url', `${resource}/data-auth`, ...flags)
      outcomes.push([await agent.ended, agent.lines.at(-1)])
    }
    expect(outcomes).toEqual([
      [1, expect.stringContaining('does not cover content-type, content-digest')],
      [0, expect.stringContaining('Access granted')],
    ])
  })

  it('fails without --interop: the peer rejects base64, and our auth server rejects unsigned bodies', async () => {
    const authServer = (await peers('auth-server')).id
    const resource = await peers('resource', '--auth-server-url', authServer)
    const refused = await askAs(resource.id, authServer)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('The resource’s final response was 401. A peer that uses an older form of the')

    const between = await askAs(await ours('resource', '--auth-server-url', authServer), authServer)
    expect(between.stderr).toMatch(
      /^The auth server returned 401 .*\. A peer that uses an older form .* --interop\.\n$/,
    )

    const running = startProgram(['demo', '--only', 'auth-server', '--port', '0', '--quiet'])
    const [, strict = ''] = await running.seen(/^auth-server (\S+)\n/)
    const agent = await peers(
      'agent',
      '--resource-url',
      `${await ours('resource', '--auth-server-url', strict)}/data-auth`,
    )
    expect(await agent.ended).toBe(1)
    expect(agent.lines.at(-1)).toContain('401')
    expect((await running.stop('SIGINT')).stderr).toContain('needs --interop')
  })
})
