import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createScriptedUser } from '../../../server/test/scripted-user.js'
import type { TraceDocument } from '../independent-verifier.js'
import { runInProcess, startProgram } from '../run-program.js'

const edition = ['--edition', 'draft-11']
const freePorts = ['--ports', '0,0,0']
const withoutPorts = (text: string) => text.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')

describe('countersign demo --edition draft-11', () => {
  it('tells the story in nine steps, in lines of up to 80 columns, as documented', { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await runInProcess('demo', ...edition, ...freePorts)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const page = readFileSync(new URL('../../../../docs/get-started/demo.md', import.meta.url), 'utf8')
    const [, documented = ''] = /--edition draft-11\n```\n\n```text\n([\s\S]*?)^```$/m.exec(page) ?? []
    expect(withoutPorts(stdout)).toBe(withoutPorts(documented))
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('ends after the user’s first decision with --deny', { timeout: 60_000 }, async () => {
    const { status, stdout } = await runInProcess('demo', ...edition, ...freePorts, '--deny')
    expect(status).toBe(0)
    expect(stdout).toMatch(/\n2\. testuser signs in .*\n {3}Denied\n3\. The agent gets no token, and so no data\.\n/)
    expect(stdout).not.toContain('4. ')
  })

  it('refuses --interop, and identifiers that the edition does not have', async () => {
    const old = await runInProcess('demo', ...edition, '--interop')
    expect(old).toMatchObject({ status: 2, stderr: expect.stringContaining('--interop does not apply') as string })
    const path = ['--only', 'agent', '--id', 'http://127.0.0.1:1', '--auth-server-url', 'https://auth.example:8443']
    const { status, stderr } = await runInProcess('demo', ...edition, ...path)
    expect({ status, stderr: stderr.replaceAll(/\s+/g, ' ') }).toEqual({
      status: 2,
      stderr:
        '--auth-server-url is not valid: in draft-11, an identifier is the https URL of a host, without a port or path. ',
    })
  })

  it('runs parties that are started separately', { timeout: 60_000 }, async () => {
    const start = (...args: string[]) => startProgram(['demo', ...edition, '--quiet', '--port', '0', ...args])
    const server = start('--only', 'auth-server')
    const [, issuer = ''] = await server.seen(/^auth-server (\S+)\n/)
    const api = start('--only', 'resource', '--auth-server-url', issuer)
    const [, id = ''] = await api.seen(/^resource +(\S+)\n/)
    expect((await api.seen(/Request (\S+) \(requires[^\n]*/))[1]).toBe(`${id}/data-auth`)
    const agent = ['--only', 'agent', '--port', '0', '--auth-server-url', issuer, '--resource-url', `${id}/data-auth`]
    const { status, stdout } = await runInProcess('demo', ...edition, '--quiet', ...agent)
    await Promise.all([api.stop('SIGINT'), server.stop('SIGINT')])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^200 \{"message":"Access granted",.*"token_type":"aa-auth\+jwt"/)
  })

  it('does not show the first page again if a database contains its grant', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-demo-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const database = ['--db', join(folder, 'auth.db')]
    const [agentPort, apiPort, serverPort] = [`${await freePort()}`, `${await freePort()}`, `${await freePort()}`]
    const issuer = `http://127.0.0.1:${serverPort}`
    const only = (party: string, port: string) => ['demo', ...edition, '--quiet', '--only', party, '--port', port]
    const server = startProgram([...only('auth-server', serverPort), ...database])
    const api = startProgram([...only('resource', apiPort), '--auth-server-url', issuer])
    await Promise.all([server.seen(/^auth-server /), api.seen(/^resource /)])
    const atProfile = ['--auth-server-url', issuer, '--resource-url', `http://127.0.0.1:${apiPort}/data-person`]
    const first = await runInProcess(...only('agent', agentPort), ...atProfile)
    await Promise.all([api.stop('SIGINT'), server.stop('SIGINT')])
    expect(first.stdout).toMatch(/"token_type":"aa-person\+jwt"/)
    const samePorts = ['--ports', [agentPort, apiPort, serverPort].join()]
    const { status, stdout } = await runInProcess('demo', ...edition, ...database, ...samePorts)
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /\n1\. .* an agent token .*\n2\. .* a person token .*\n.* 401 .*\n3\. The person server asks /,
    )
  })

  it('--browser lets a user decide on both pages, and remove the access', { timeout: 60_000 }, async () => {
    const running = startProgram(['demo', ...edition, '--browser', ...freePorts])
    const user = createScriptedUser(fetch)
    const follow = async (url: string) => {
      let at = url
      let response = await user.open(at)
      for (let left = 5; left > 0 && response.status === 303; left--) {
        at = new URL(response.headers.get('location') ?? '', at).href
        response = await user.open(at)
      }
      return { at, html: await response.text() }
    }
    const credentials = { username: 'testuser', password: 'testpass', action: 'login' }
    for (const step of [2, 4]) {
      const [, url = '', code = ''] = await running.seen(
        new RegExp(
          `\\n${step}\\. [^\\n]*\\n[^]*?\\n +(http\\S+interact\\S+)\\n +If it shows a code, [^\\n]* be (\\S+)\\.`,
        ),
      )
      let page = await follow(url)
      if (page.html.includes('name="password"')) {
        const signedIn = await user.submit(page.html, page.at, credentials)
        page = await follow(new URL(signedIn.headers.get('location') ?? '', page.at).href)
      }
      expect(page.html).toContain(`<bdi>${code}</bdi>`)
      const decided = await user.submit(page.html, page.at, { consent: 'grant' })
      expect(decided.headers.get('location')).toMatch(/\/callback\?state=[\w-]+$/)
      await user.open(decided.headers.get('location') ?? '')
    }
    const [, account = ''] = await running.seen(/\n9\. Now remove [^\n]*\n +My agents: (\S+)\n/)
    const list = await (await user.open(account)).text()
    const question = new URL(/href="([^"]+\/remove)"/.exec(list)?.[1] ?? '', account).href
    await user.submit(await (await user.open(question)).text(), question, { action: 'remove-agent' })
    await running.seen(/401 refused: the token was revoked[\s\S]*Press Ctrl-C to stop/)
    expect(await running.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('countersign demo --edition draft-11 --json', () => {
  let document: TraceDocument
  let text: string
  beforeAll(async () => {
    const { status, stdout, stderr } = await runInProcess('demo', ...edition, '--json', ...freePorts)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    text = stdout
    document = JSON.parse(stdout) as TraceDocument
  }, 60_000)

  it('contains the messages of the flow, in the order sent', () => {
    const lines = document.messages.map(({ from, to, request, response, tokens }) => {
      const path = new URL(request.url).pathname.replace(/\/aarq_.*/, '/X')
      const { kind = '-' } = tokens.find(({ where }) => where === 'request.headers.signature-key.jwt') ?? {}
      return `${from} ${to} ${request.method} ${path} ${kind} ${response.status}`
    })
    // How often the agent polls while the user decides depends on how long that takes.
    const isPending = (line: string) => /\/pending\/X .* 202$/.test(line)
    const sentBy = (party: string) =>
      lines.filter((line) => line.startsWith(party) && !line.includes('.json ') && !isPending(line))
    expect(sentBy('agent')).toEqual([
      'agent resource GET /data-auth aa-agent+jwt 401',
      'agent auth-server POST /person/token aa-agent+jwt 202',
      'agent auth-server GET /person/pending/X aa-agent+jwt 200',
      'agent resource GET /data-auth aa-person+jwt 401',
      'agent auth-server POST /person/authorize aa-agent+jwt 202',
      'agent auth-server GET /person/pending/X aa-agent+jwt 200',
      'agent resource GET /data-auth aa-auth+jwt 200',
    ])
    expect(sentBy('browser')).toEqual([
      'browser auth-server GET /person/interact - 303',
      'browser auth-server GET /person/interact - 200',
      'browser auth-server POST /person/interact - 303',
      'browser auth-server GET /person/interact - 200',
      'browser auth-server POST /person/interact - 303',
      'browser agent GET /callback - 200',
      'browser auth-server GET /person/interact - 303',
      'browser auth-server GET /person/interact - 200',
      'browser auth-server POST /person/interact - 303',
      'browser agent GET /callback - 200',
    ])
  })

  it('contains the tokens, decoded where they were sent', () => {
    const tokens = document.messages.flatMap((message) => message.tokens)
    const claimsAt = (where: string) => tokens.find((token) => token.where === where)?.payload ?? {}
    const person = claimsAt('response.body.person_token')
    const auth = claimsAt('response.body.auth_token')
    expect(claimsAt('response.headers.aauth-requirement.resource-token')).toMatchObject({
      presented_jti: person.jti,
      sub: person.sub,
      ps: person.iss,
    })
    expect(claimsAt('request.body.presented_token')).toEqual(person)
    expect(auth).toMatchObject({ sub: person.sub, cnf: person.cnf, scope: 'data.read data.write' })
    expect(document.result).toMatchObject({ status: 200, body: { iss: auth.iss, sub: auth.sub, agent: null } })
  })

  it('contains no password, cookie, CSRF value or private key', () => {
    expect(text).not.toContain('testpass')
    expect(text).not.toMatch(/aabr_|aasn_|"d":/)
    for (const [, value] of text.matchAll(/name=\\"csrf\\" value=\\"([^"\\]*)/g)) expect(value).toBe('[redacted]')
  })
})

describe('countersign demo --edition draft-11 --trace', () => {
  it('shows every message decoded, with the code on the page, in 80 columns', { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await runInProcess('demo', ...edition, '--trace', ...freePorts)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const long = stdout.split('\n').filter((line) => line.length > 80)
    // URLs that the user opens must stay whole.
    expect(long.map((line) => line.replace(/\?.*/, ''))).toEqual([
      expect.stringMatching(/^ {2}http:\S+\/person\/interact$/),
      expect.stringMatching(/^ {2}http:\S+\/person\/interact$/),
    ])
    const codes = [...stdout.matchAll(/^If the page shows a code, it should be (\S+)\.$/gm)].map(([, code]) => code)
    expect(codes).toHaveLength(2)
    expect([...stdout.matchAll(/^The page shows the code (\S+)\.$/gm)].map(([, code]) => code)).toEqual(codes)
    for (const [token, times] of [
      ['PERSON TOKEN', 3],
      ['RESOURCE TOKEN', 2],
      ['AUTH TOKEN', 2],
    ] as const)
      expect(stdout.match(new RegExp(`^ {2}\\| ${token} \\(decoded\\) in `, 'gm')), token).toHaveLength(times)
    // Polls contain it, too.
    expect(stdout.match(/^ {2}\| AGENT TOKEN \(decoded\) in /gm)?.length).toBeGreaterThanOrEqual(5)
    const after = (line: string) => new RegExp(`^${line}.*\\n(?: {4}.*\\n)*((?: {2}\\| .*\\n)+)`, 'm').exec(stdout)?.[1]
    expect(after('aauth-requirement: requirement=person-token')).toBe(
      '  | The agent gets a person token for this resource from its person server, and\n  | repeats the request with it.\n',
    )
    expect(after('AAuth-Requirement: requirement=interaction')).toContain('The user opens url?code=…')
    expect(after('Location: ')).toBe('  | The agent polls this URL.\n')
    expect(after('Prefer: wait=20')).toContain('may wait this many seconds')
    expect(stdout).toContain('<<< PERSON SERVER RESPONSE\n')
    expect(stdout).not.toContain('testpass')
  })
})
