import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { createScriptedUser, decideAs, signInToAccount } from '../../../server/test/scripted-user.js'
import { runStory } from '../../src/demo/run-story.js'
import { runInProcess, startProgram } from '../run-program.js'

const freePorts = ['--ports', '0,0,0']
const ports = { agent: 0, resource: 0, 'auth-server': 0 }
const silent = {
  start: () => undefined,
  step: () => undefined,
  line: () => undefined,
  response: () => undefined,
  page: () => undefined,
  end: () => undefined,
}

const withoutPorts = (text: string) => text.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')

describe('countersign demo', () => {
  it('tells the story in seven steps, in lines of up to 80 columns, as documented', async () => {
    const { status, stdout, stderr } = await runInProcess('demo', ...freePorts)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const page = readFileSync(new URL('../../../../docs/get-started/demo.md', import.meta.url), 'utf8')
    const [, documented = ''] = /^```text\n([\s\S]*?)^```$/m.exec(page) ?? []
    expect(withoutPorts(stdout)).toBe(withoutPorts(documented))
    expect(stdout.match(/^\d\. /gm)).toEqual(['1. ', '2. ', '3. ', '4. ', '5. ', '6. ', '7. '])
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('lets the first of the given users decide', async () => {
    const { status, stdout } = await runInProcess('demo', ...freePorts, '--people', 'alice,bob')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^2\. alice signs in .*\n {3}Allowed: See your data; Create and change your data\n/m)
    expect(stdout).toMatch(/^7\. alice removes .*\n.* 401 refused: the token was revoked\n/m)
  })

  it('signs in each of the given users with --serve', async () => {
    const running = startProgram(['demo', '--serve', ...freePorts, '--people', 'alice,bob'])
    const [, issuer = ''] = await running.seen(
      /^auth-server (\S+)\n[\s\S]*Users sign in as alice or bob with the password testpass/m,
    )
    const user = createScriptedUser(fetch)
    const signedIn = await signInToAccount(user, issuer, { username: 'bob', password: 'testpass' })
    expect(signedIn.status).toBe(303)
    expect((await user.open(`${issuer}/account`)).status).toBe(200)
    expect((await running.stop('SIGINT')).status).toBe(0)
  })

  it('ends after the user’s decision with --deny', async () => {
    const { status, stdout } = await runInProcess('demo', ...freePorts, '--deny')
    expect(status).toBe(0)
    expect(stdout).toMatch(/\n {3}Denied\n3\. The agent gets no token, and so no data\.\n/)
    expect(stdout).not.toContain('4. ')
  })

  describe('does what it tells', () => {
    const seen: { line: string; body: string }[] = []
    beforeAll(async () => {
      const real = globalThis.fetch
      vi.stubGlobal('fetch', async (...[input, init]: Parameters<typeof fetch>) => {
        const request = new Request(input instanceof Request ? input.clone() : input, init)
        const response = await real(input, init)
        const { pathname } = new URL(request.url)
        const proof = ['authorization', 'signature'].filter((name) => request.headers.has(name))
        const body = await response.clone().text()
        seen.push({ line: `${request.method} ${pathname} ${proof.join()} ${response.status}`, body })
        return response
      })
      try {
        await runStory({ person: 'grant', ports, tell: silent, signal: new AbortController().signal })
      } finally {
        vi.unstubAllGlobals()
      }
    })
    const linesOf = (start: string) => seen.flatMap(({ line }) => (line.startsWith(start) ? [line] : []))

    it('the agent and the thief call the API', () => {
      expect(linesOf('GET /data').slice(0, 6)).toEqual([
        'GET /data-auth signature 401',
        'GET /data-auth signature 200',
        'GET /data-auth signature 200',
        'GET /data-auth authorization 401',
        'GET /data-auth signature 401',
        'GET /data signature 401',
      ])
    })

    it('the user removes the access at the auth server, and the API refuses the token then', () => {
      const removed = seen.findLastIndex(({ line }) => line === 'POST /account  303')
      const refused = seen.findLastIndex(({ body }) => body.includes('"invalid_auth_token"'))
      expect(removed).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(removed)
    })

    it('the token is valid for 600 s, and the durations are those of any server', () => {
      const answer = seen.find(({ body }) => body.startsWith('{"auth_token"'))?.body ?? ''
      expect(JSON.parse(answer)).toMatchObject({ expires_in: 600 })
      const page = seen.find(({ body }) => body.includes('name="duration"'))?.body ?? ''
      const offered = [...page.matchAll(/<input[^>]*name="duration"[^>]*>/g)].map(
        ([tag]) => /value="([^"]*)"/.exec(tag)?.[1],
      )
      expect(offered).toEqual(['3600', '86400', '2592000', 'until-removed'])
    })
  })

  it('fails if the API accepts a stolen token', async () => {
    const real = globalThis.fetch
    vi.stubGlobal('fetch', async (...[input, init]: Parameters<typeof fetch>) =>
      input instanceof Request && input.headers.has('authorization') ? Response.json({}) : real(input, init),
    )
    const told = runStory({ person: 'grant', ports, tell: silent, signal: new AbortController().signal })
    await expect(told.finally(() => vi.unstubAllGlobals())).rejects.toThrow(
      'The API responded with 200 instead of 401 (invalid_signature).',
    )
  })

  it('--browser lets a user decide and remove the access, and keeps running until Ctrl-C', async () => {
    const running = startProgram(['demo', '--browser', ...freePorts])
    const [, url = ''] = await running.seen(/sign in as testuser with the password testpass:\n +(\S+)\n[\s\S]*Ctrl-C/)
    const user = createScriptedUser(fetch)
    await user.open(await decideAs(user, url, 'grant'))
    const [, account = ''] = await running.seen(
      /\n7\. Now remove the agent’s access yourself\.[^\n]*\n +My agents: (\S+)\n/,
    )
    const list = await (await user.open(account)).text()
    const question = new URL(/href="([^"]+\/remove)"/.exec(list)?.[1] ?? '', account).href
    const removal = { action: 'remove-agent' }
    await user.submit(await (await user.open(question)).text(), question, removal)
    await running.seen(/401 refused: the token was revoked[\s\S]*Press Ctrl-C to stop/)
    expect((await user.open(account)).status).toBe(200)
    const { status, stderr } = await running.stop('SIGINT')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('--browser also explains a decision that allows nothing', async () => {
    const running = startProgram(['demo', '--browser', ...freePorts])
    const [, url = ''] = await running.seen(/:\n +(http\S+\/agent\/auth\S+)\n/)
    const user = createScriptedUser(fetch)
    await user.open(await decideAs(user, url, 'deny'))
    await running.seen(/3\. The agent gets no token[\s\S]*Press Ctrl-C to stop/)
    expect((await running.stop('SIGINT')).status).toBe(0)
  })
})
