import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createSigner, generatePrivateJwk } from 'countersign'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canRunPeer, startPeer } from '../../../test/peer/start-peer.js'
import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'
import { listenWith } from './listen-with.js'
import { newAgent as agentOf, openParties } from './own-agent.js'
import { startProgram } from './run-program.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()
const newAgent = (authServers: readonly string[] = [parties.authServer]) => agentOf(authServers)

/** Runs the command as a process whose standard output is a full disk; returns its standard error and status. */
async function intoFull(args: readonly string[], folder: string) {
  const full = openSync('/dev/full', 'w')
  const bin = fileURLToPath(new URL('../bin/countersign.js', import.meta.url))
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', full, 'pipe'],
    env: { ...process.env, COUNTERSIGN_HOME: folder },
  })
  const ended = once(child, 'close')
  const stderr = await text(child.stderr as Readable)
  const [status] = (await ended) as [number | null]
  closeSync(full)
  return { status, stderr }
}

describe('an API that requires consent', () => {
  it('prompts once in the terminal; only the response goes to standard output', async () => {
    const { id, run } = await newAgent()
    const { decide, page } = decidesAt('grant')
    const first = await run(['fetch', `${parties.api}/data-auth`], { person: decide })
    expect(first).toMatchObject({ status: 0 })
    expect(JSON.parse(first.stdout)).toMatchObject({ message: 'Access granted', agent: id, method: 'GET' })
    expect(first.stderr).toContain('needs your consent')
    expect(await page()).toContain('data-state="allowed"')
    const again = await run(['fetch', '-d', 'a=b', `${parties.api}/data-auth`])
    expect(again).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(again.stdout)).toMatchObject({ method: 'POST' })
  })

  it('reports a denial, with a separate exit status', async () => {
    const { run } = await newAgent()
    const ended = await run(['fetch', `${parties.api}/data-auth`], { person: decidesAt('deny').decide })
    expect(ended).toMatchObject({ status: 5, stdout: '' })
    expect(ended.stderr).toMatch(/Access was denied[^\n]*\n$/)
    // An agent must wait before it asks the user for the same again.
    const other = await newAgent()
    const silent = await other.run(['fetch', '-s', `${parties.api}/data-auth`], { person: decidesAt('deny').decide })
    expect(silent.status).toBe(5)
    expect(silent.stderr).not.toContain('Access was denied')
  })

  it('exits with one sentence if no one decides in time, and on Ctrl-C', async () => {
    const { run, start } = await newAgent()
    const late = await run(['fetch', '--consent-timeout', '1', `${parties.api}/data-auth`], { person: () => undefined })
    expect(late).toMatchObject({ status: 6, stdout: '' })
    expect(late.stderr).toMatch(/KNo decision within 1 s\. For a link that works, run this command again\.\n$/)
    const stopped = start(['fetch', `${parties.api}/data-auth`], { person: () => undefined })
    await stopped.seen(/Waiting for you/)
    expect(await stopped.stop('SIGINT')).toMatchObject({ status: 130, stdout: '' })
  })

  it('writes no control sequences to a terminal that supports none', async () => {
    const { folder } = await newAgent()
    const late = startProgram(['fetch', '--consent-timeout', '2', `${parties.api}/data-auth`], {
      person: () => undefined,
      env: { COUNTERSIGN_HOME: folder, TERM: 'dumb' },
    })
    const { status, stderr } = await late.finished
    expect(status).toBe(6)
    expect(stderr).toContain('needs your consent')
    for (const part of ['\r', '\u001b', 'Waiting']) expect(stderr).not.toContain(part)
  })

  it('shares one page between two commands: the second reports that it waits, and the wait does not count toward its --max-time', async () => {
    const { start } = await newAgent()
    const shown: string[] = []
    const person = (url: string) => void shown.push(url)
    const first = start(['fetch', `${parties.api}/data-auth`], { person })
    await first.seen(/Waiting for you/)
    const second = start(['fetch', '-m', '10', `${parties.api}/data-auth`], { person })
    await second.seen(/Another process of this agent has already prompted you/)
    await new Promise((soon) => setTimeout(soon, 10_500))
    expect(new Set(shown).size).toBe(1)
    decidesAt('grant').decide(shown[0] ?? '')
    const ends = await Promise.all([first.finished, second.finished])
    expect(ends.map(({ status }) => status)).toEqual([0, 0])
  })

  it.each([
    ['with --no-consent', ['--no-consent'], { person: () => undefined }],
    ['if standard error is not a terminal', [], {}],
  ])(
    'does not prompt %s: it prints the page and exits, and the callback URL can be added later',
    async (_case, flags, options) => {
      const { run } = await newAgent()
      const ended = await run(['fetch', ...flags, `${parties.api}/data-auth`], options)
      expect(ended).toMatchObject({ status: 4, stdout: '' })
      const url = ended.stderr.split('\n').at(-2) ?? ''
      expect(ended.stderr).toMatch(/countersign\s+agent\s+tokens\s+add”\s+\(with\s+the\s+same\s+--home\s/)
      const back = await landing(url)
      expect(new URL(back).port, 'that of every port').toBe('')
      expect(await run(['agent', 'tokens', 'add', back])).toMatchObject({
        status: 0,
        stderr: 'Done: run the original command again.\n',
      })
      expect(await run(['agent', 'tokens', 'add', back])).toMatchObject({ status: 1 })
      const again = await run(['fetch', `${parties.api}/data-auth`])
      expect(again).toMatchObject({ status: 0, stderr: '' })
    },
  )

  it('L09: rejects a URL that the user’s browser cannot have ended on', async () => {
    const { run } = await newAgent()
    const ended = await run(['fetch', '--no-consent', `${parties.api}/data-auth`])
    const back = await landing(ended.stderr.split('\n').at(-2) ?? '')
    for (const other of [
      back.replace('http://127.0.0.1', 'https://evil.example:99'),
      back.replace('http:', 'https:'),
      back.replace('127.0.0.1', '127.0.0.2'),
      back.replace('127.0.0.1', 'localhost'),
      back.replace('//', '//somebody@'),
      back.replace('/callback', '/callback/other'),
      back.replace('state=', 'static='),
      '/callback?state=a&code=b',
    ]) {
      const refused = await run(['agent', 'tokens', 'add', other])
      expect(refused, other).toMatchObject({ status: 2 })
      expect(refused.stderr).toContain('Pass the browser’s complete final URL')
    }
    const withPort = back.replace('127.0.0.1', '127.0.0.1:61234')
    expect(await run(['agent', 'tokens', 'add', withPort]), 'of a port that nothing listens at').toMatchObject({
      status: 0,
    })
  })

  it('reports --paste to a user at a keyboard, whose browser may be elsewhere', async () => {
    const { run } = await newAgent()
    const keyboard = Object.assign(new PassThrough(), { isTTY: true })
    const person = () => decidesAt('grant').decide
    const ended = await run(['fetch', `${parties.api}/data-auth`], { keyboard, person: person() })
    expect(ended).toMatchObject({ status: 0, stderr: expect.stringContaining('add --paste to this') })
    const other = await newAgent()
    const unattended = await other.run(['fetch', `${parties.api}/data-auth`], { person: person() })
    expect(unattended).toMatchObject({ status: 0, stderr: expect.not.stringContaining('--paste') })
  })

  it('accepts a pasted URL', async () => {
    const { run } = await newAgent()
    const keyboard = Object.assign(new PassThrough(), { isTTY: true })
    const ended = await run(['fetch', '--paste', `${parties.api}/data-auth`], {
      keyboard,
      person: (url) => void landing(url).then((back) => keyboard.write(`${back}\n`)),
    })
    expect(ended).toMatchObject({ status: 0 })
    expect(ended.stderr).not.toContain('with --paste')
    const nowhere = await run(['fetch', '--paste', `${parties.api}/data-auth`])
    expect(nowhere).toMatchObject({ status: 2 })
  })

  it('L03: sends the user to no auth server that was not configured, and reports how to add it', async () => {
    const { run } = await newAgent([])
    const refused = await run(['fetch', `${parties.api}/data-auth`], { person: () => expect.unreachable() })
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(refused.stderr).toContain(`sends users to ${parties.authServer} to decide`)
    expect(refused.stderr).toContain(`add --auth-server ${parties.authServer}\n`)
    const { decide } = decidesAt('grant')
    const given = await run(['fetch', '--auth-server', parties.authServer, `${parties.api}/data-auth`], {
      person: decide,
    })
    expect(given.status).toBe(0)
  })

  it('with -v prints each message to standard error, with decoded tokens, but not the response itself', async () => {
    const { run } = await newAgent()
    const { decide } = decidesAt('grant')
    const { stdout, stderr } = await run(['fetch', '-v', `${parties.api}/data-auth`], { person: decide })
    expect(JSON.parse(stdout)).toMatchObject({ message: 'Access granted' })
    expect(stderr).toContain(`>>> AGENT REQUEST to ${parties.api}/data-auth`)
    expect(stderr).toContain(`<<< AGENT RESPONSE from ${parties.authServer}/agent/token`)
    expect(stderr).toContain('"typ": "resource+jwt"')
    expect(stderr).not.toContain('Access granted')
    expect(stderr, 'others write there').not.toContain('Waiting for you')
  })

  it.each<[string, number]>([
    ['a response', 200],
    ['an error response', 500],
  ])('-v does not affect --max-time or the first Ctrl-C, for %s that never ends', async (_what, status) => {
    const { origin, close } = await listenWith((_incoming, outgoing) => {
      outgoing.writeHead(status)
      const go = setInterval(() => outgoing.write('more and more\n'), 20)
      outgoing.on('close', () => clearInterval(go))
    })
    onTestFinished(close)
    const { run, start } = await newAgent()
    expect(await run(['fetch', '-v', '-m', '1', origin])).toMatchObject({ status: 3 })
    const running = start(['fetch', '-v', origin])
    await running.seen(/AGENT REQUEST/)
    await new Promise((soon) => setTimeout(soon, 500))
    expect((await running.stop('SIGINT')).status).not.toBe(0)
  })

  it('-v does not print a body that is too long, and reads no more than it prints', async () => {
    let sent = 0
    const { origin, close } = await listenWith((_incoming, outgoing) => {
      outgoing.writeHead(500)
      const more = () => {
        while (!outgoing.destroyed && outgoing.write(Buffer.alloc(65_536, 'a'))) sent += 65_536
      }
      outgoing.on('drain', more)
      more()
    })
    onTestFinished(close)
    const { run } = await newAgent()
    const ended = await run(['fetch', '-v', '-f', origin])
    expect(ended).toMatchObject({ status: 22, stdout: '' })
    expect(ended.stderr).toContain('[more than 65536 bytes, not shown]')
    expect(sent).toBeLessThan(20_000_000)
  })
})

describe.skipIf(!canRunPeer())('an API in another language that uses an older form', () => {
  it('is called in the older form if --interop is set', async () => {
    const api = await startPeer('resource', '--refuse-nonce', '400', '--auth-server-url', parties.authServer)
    onTestFinished(() => api.stop())
    const { run } = await newAgent()
    const strict = await run(['fetch', '--no-consent', `${api.id}/data-auth`])
    expect(strict.stdout).toContain('base64url')
    const ask = ['fetch', '--interop', `${api.id}/data-auth`]
    const first = await run(ask, { person: decidesAt('grant').decide })
    expect(first.status).toBe(0)
    expect(JSON.parse(first.stdout)).toMatchObject({ message: 'Access granted' })
    expect(await run(ask)).toMatchObject({ status: 0, stderr: '' })
  })
})

/** The URL to which a browser is redirected after allowing, without following it. */
function landing(url: string): Promise<string> {
  return decideAs(createScriptedUser(fetch), url, 'grant')
}

/** An API that requires nothing, and echoes the request. */
async function openEcho(answer: (path: string) => { status?: number; headers?: Record<string, string> } = () => ({})) {
  const seen: { method: string; url: string; body: string; headers: Record<string, unknown> }[] = []
  const { origin, close } = await listenWith((incoming, outgoing) => {
    let body = ''
    incoming.on('data', (chunk) => {
      body += String(chunk)
    })
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      seen.push({ method, url, body, headers })
      const { status = 200, headers: more = {} } = answer(url)
      outgoing.writeHead(status, { 'content-type': 'text/plain', ...more }).end(`${method} ${url} ${body}`)
    })
  })
  onTestFinished(close)
  return { origin, seen }
}

describe('curl-compatible flags', () => {
  it.each<[string, string[], Partial<{ method: string; body: string; type: string; accept: string }>, string?]>([
    ['-d', ['-d', 'a=1', '-d', 'b=2'], { method: 'POST', body: 'a=1&b=2', type: 'application/x-www-form-urlencoded' }],
    ['-d @-', ['-d', '@-'], { method: 'POST', body: 'onetwo' }, 'one\r\ntwo\n'],
    ['--data-binary @-', ['--data-binary', '@-'], { body: 'one\r\ntwo\n' }, 'one\r\ntwo\n'],
    [
      '--json',
      ['--json', '{"a":', '--json', '1}'],
      { body: '{"a":1}', type: 'application/json', accept: 'application/json' },
    ],
    ['-X', ['-X', 'DELETE'], { method: 'DELETE', body: '' }],
    ['-X with a body', ['-X', 'PUT', '-d', 'a'], { method: 'PUT', body: 'a' }],
    ['-H', ['-d', 'x', '-H', 'Content-Type: text/plain'], { body: 'x', type: 'text/plain' }],
    [
      '-H @-',
      ['-d', 'x', '-H', '@-'],
      { type: 'text/plain', accept: 'text/csv' },
      'Content-Type: text/plain\r\n\r\nAccept: text/csv\n',
    ],
  ])('%s', async (_flag, flags, expected, input = '') => {
    const { origin, seen } = await openEcho()
    const { run } = await newAgent()
    const ended = await run(['fetch', ...flags, `${origin}/here?q=1`], { input })
    expect(ended).toMatchObject({ status: 0, stderr: '' })
    const [one] = seen
    const got = { ...one, type: one?.headers['content-type'], accept: one?.headers.accept }
    expect(got).toMatchObject({ url: '/here?q=1', ...expected })
    expect(one?.headers).toHaveProperty('signature')
  })

  it('-H @file', async () => {
    const { origin, seen } = await openEcho()
    const { run, folder } = await newAgent()
    const file = join(folder, 'headers')
    writeFileSync(file, 'X-One: 1\nAccept: text/csv\n')
    expect(await run(['fetch', '-H', `@${file}`, '-H', 'X-Two: 2', origin])).toMatchObject({ status: 0 })
    expect(seen[0]?.headers).toMatchObject({ 'x-one': '1', 'x-two': '2', accept: 'text/csv' })
    const none = await run(['fetch', '-H', `@${file}-not`, origin])
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining('cannot be read (ENOENT)') })
  })

  it('-i and -o', async () => {
    const { origin } = await openEcho()
    const { folder, run } = await newAgent()
    const shown = await run(['fetch', '-i', origin])
    expect(shown.stdout).toMatch(
      /^HTTP\/1\.1 200 OK\r\n(?:[\w-]+: [^\r\n]*\r\n)*Content-Type: text\/plain\r\n.*\r\n\r\nGET \/ $/s,
    )
    const file = join(folder, 'answer')
    expect(await run(['fetch', '-o', file, origin])).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe('GET / ')
    const nowhere = await run(['fetch', '-o', join(folder, 'no', 'answer'), origin])
    expect(nowhere).toMatchObject({ status: 2 })
    expect(nowhere.stderr).toMatch(/--output: .* cannot be written \(ENOENT\)/)
  })

  it('reports in one sentence that the output cannot be written, with the status for a file that cannot be written', async () => {
    const { origin } = await openEcho()
    const { folder, run } = await newAgent()
    const full = await run(['fetch', '-o', '/dev/full', origin])
    expect(full).toEqual({ status: 2, stdout: '', stderr: '--output: /dev/full cannot be written (ENOSPC).\n' })
    for (const args of [['fetch', origin], ['--help']])
      expect(await intoFull(args, folder)).toEqual({
        status: 2,
        stderr: 'Standard output cannot be written (ENOSPC).\n',
      })
  })

  it('-i prints plain lines on a terminal', async () => {
    const { origin } = await openEcho()
    const { run } = await newAgent()
    const { stdout } = await run(['fetch', '-i', origin], { screen: true })
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\n(?:[\w-]+: [^\n\\]*\n)+\nGET \/ \n$/)
  })

  it('ends the output with a newline on a terminal, and adds nothing for a program', async () => {
    const { origin } = await openEcho()
    const { run } = await newAgent()
    expect((await run(['fetch', origin], { screen: true })).stdout).toBe('GET / \n')
    expect((await run(['fetch', '-d', 'a\n', origin], { screen: true })).stdout).toBe('POST / a\n')
    expect((await run(['fetch', origin])).stdout).toBe('GET / ')
  })

  it('-F sends a multipart form with fields, files and their types', async () => {
    const { origin, seen } = await openEcho()
    const { run, folder } = await newAgent()
    const file = join(folder, 'photo.txt')
    writeFileSync(file, 'content')
    const fields = ['a=1', `text=<${file}`, `file=@${file}`, `named=@${file};type=text/csv;filename="x.csv"`]
    expect(await run(['fetch', ...fields.flatMap((field) => ['-F', field]), origin])).toMatchObject({ status: 0 })
    const [one] = seen
    expect(one?.method).toBe('POST')
    const type = String(one?.headers['content-type'])
    const form = await new Response(one?.body, { headers: { 'content-type': type } }).formData()
    expect([form.get('a'), form.get('text')]).toEqual(['1', 'content'])
    const [plain, named] = [form.get('file') as File, form.get('named') as File]
    expect([plain.name, plain.type, await plain.text()]).toEqual(['photo.txt', 'application/octet-stream', 'content'])
    expect([named.name, named.type, await named.text()]).toEqual(['x.csv', 'text/csv', 'content'])
    writeFileSync(file, 'one\ntwo')
    const typedField = ['fetch', '-F', 'meta={"a":1};type=application/json', '-F', `text=<${file}`, origin]
    expect(await run(typedField)).toMatchObject({ status: 0 })
    expect(seen[1]?.body).toContain('name="meta"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n')
    expect(seen[1]?.body).toContain('name="text"\r\n\r\none\ntwo\r\n')
    expect(await run(['fetch', '-F', 'a=1;type=a\nb', origin])).toMatchObject({ status: 2 })
    const typed = await run(['fetch', '-F', 'a=1', '-H', 'Content-Type: multipart/form-data', origin])
    expect(typed).toMatchObject({ status: 2, stderr: expect.stringContaining('--form sets the Content-Type') })
  })

  it('-f exits with status 22 and prints no body; -s prints nothing, -S prints errors', async () => {
    const { origin } = await openEcho(() => ({ status: 404 }))
    const { run } = await newAgent()
    expect(await run(['fetch', origin])).toMatchObject({ status: 0, stdout: 'GET / ' })
    const failed = await run(['fetch', '-f', origin])
    expect(failed).toMatchObject({ status: 22, stdout: '' })
    expect(failed.stderr).toMatch(/responded with 404\.\n$/)
    expect(await run(['fetch', '-sf', origin])).toMatchObject({ status: 22, stderr: '' })
    expect((await run(['fetch', '-sSf', origin])).stderr).toMatch(/responded with 404\.\n$/)
  })

  it('-L follows redirects on the same origin, as browsers do, and no others', async () => {
    const places: Record<string, [number, string]> = {
      '/see-other': [303, '/there'],
      '/found': [302, '/there'],
      '/kept': [307, '/there'],
      '/away': [302, 'https://elsewhere.example/x'],
      '/round': [302, '/round'],
    }
    const { origin, seen } = await openEcho((path) => {
      const [status, location] = places[path] ?? [200, '']
      return location === '' ? {} : { status, headers: { location } }
    })
    const { run } = await newAgent()
    expect((await run(['fetch', '-d', 'a', `${origin}/found`])).stdout, 'not followed').toBe('POST /found a')
    expect((await run(['fetch', '-L', '-d', 'a', `${origin}/found`])).stdout).toBe('GET /there ')
    expect((await run(['fetch', '-L', '-X', 'PUT', '-d', 'a', `${origin}/see-other`])).stdout).toBe('GET /there ')
    expect((await run(['fetch', '-L', '-d', 'a', `${origin}/kept`])).stdout).toBe('POST /there a')
    expect(await run(['fetch', '-L', `${origin}/away`])).toMatchObject({ status: 1, stdout: '' })
    const before = seen.length
    expect(await run(['fetch', '-L', `${origin}/round`])).toMatchObject({ status: 1, stdout: '' })
    expect(seen.length - before).toBe(21)
  })

  it('-m gives up, but does not count the time that a user takes', async () => {
    const { origin, close } = await listenWith(() => undefined)
    onTestFinished(close)
    const { run } = await newAgent()
    const late = await run(['fetch', '-m', '0.3', origin])
    expect(late).toMatchObject({ status: 3, stderr: 'The response was not complete within 0.3 s.\n' })
    const { decide } = decidesAt('grant')
    const slow = (url: string) => void setTimeout(() => decide(url), 8500)
    expect(await run(['fetch', '-m', '8', `${parties.api}/data-auth`], { person: slow })).toMatchObject({ status: 0 })
  })
})

it('a response is written as it arrives', async () => {
  let end: (() => void) | undefined
  const { origin, close } = await listenWith((_incoming, outgoing) => {
    outgoing.write('first\n')
    end = () => outgoing.end('last\n')
  })
  onTestFinished(close)
  const { start } = await newAgent()
  const running = start(['fetch', origin])
  await running.seen(/first\n/)
  end?.()
  expect(await running.finished).toMatchObject({ status: 0, stdout: 'first\nlast\n' })
})

it('an interrupted response is reported as an error', async () => {
  const { origin, close } = await listenWith((_incoming, outgoing) => {
    outgoing.write('first\n')
    setTimeout(() => outgoing.destroy(), 50)
  })
  onTestFinished(close)
  const { run } = await newAgent()
  const ended = await run(['fetch', origin])
  expect(ended).toMatchObject({ status: 3, stdout: 'first\n' })
  expect(ended.stderr).toMatch(/^The response was interrupted: [^\n]*\n$/)
})

describe('invalid arguments', () => {
  it.each<[string[], RegExp, number?]>([
    [['fetch', 'api.example'], /absolute/],
    [['fetch', 'ftp://api.example/'], /http or https/],
    [['fetch', 'https://a:b@api.example/'], /username or password/],
    [['fetch', 'http://api.example/'], /only over https/],
    [['fetch', '-d', 'a', '-X', 'GET', 'https://api.example/'], /GET request cannot have a body/],
    [['fetch', '-d', 'a', '--json', '{}', 'https://api.example/'], /only one of --data/],
    [['fetch', '-d', '@/no/such', 'https://api.example/'], /\/no\/such cannot be read \(ENOENT\)/],
    [['fetch', '-H', 'Signature: x', 'https://api.example/'], /cannot set Signature/],
    [['fetch', '-m', 'soon', 'https://api.example/'], /--max-time must be a number of seconds/],
    [['fetch', '-m', '0', 'https://api.example/'], /--max-time must be a number of seconds/],
    [['fetch', '--auth-server', 'auth.example', 'https://api.example/'], /--auth-server is not a valid identifier/],
    [['fetch', '--auth-serve', 'https://auth.example', 'https://api.example/'], /unknown option|did you mean/i],
    [['fetch', 'http://127.0.0.1:9/'], /cannot be sent: bad port/],
    [['agent', 'tokens', 'add', 'a-code'], /complete final URL/],
    [
      ['agent', 'tokens', 'add', 'http://127.0.0.1/callback?code=x&state=y'],
      /No request is waiting for this response/,
      1,
    ],
    [['agent', 'tokens', 'forget'], /Specify which resource/],
    [['agent', 'tokens', 'forget', 'https://api.example', '--all'], /Specify which resource/],
    [['agent', 'tokens', 'forget', 'https://api.example'], /There are no tokens for https:\/\/api\.example/],
  ])('%j', async (args, why, status = 2) => {
    const { run } = await newAgent()
    const ended = await run(args)
    expect(ended.stderr).toMatch(why)
    expect(ended).toMatchObject({ status, stdout: '' })
  })

  it('an agent that does not exist, or whose port another program uses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-none-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const none = await startProgram(['fetch', '--home', folder, 'https://api.example/']).finished
    expect(none).toMatchObject({ status: 2 })
    expect(none.stderr).toContain('countersign agent init --id')
    const { id, run } = await newAgent()
    const other = createServer().listen(Number(new URL(id).port), '127.0.0.1')
    onTestFinished(() => void other.close())
    const taken = await run(['fetch', `${parties.api}/data-jwks`])
    expect(taken).toMatchObject({ status: 1 })
    expect(taken.stderr).toContain('another program is using its port')
    other.on('request', (_incoming, outgoing) => outgoing.setHeader('content-type', 'text/html').end('<h1>A page</h1>'))
    const answered = await run(['fetch', `${parties.api}/data-jwks`])
    expect(answered.stderr, 'whatever it answers').toContain('another program is using its port')
  })

  it('an agent whose port is used by a command that started before the agent was changed', async () => {
    const { id, run } = await newAgent()
    const keys = JSON.stringify({ keys: [(await createSigner(await generatePrivateJwk({ kid: '0' }))).jwk] })
    const about = { agent: id, jwks_uri: `${id}/jwks.json`, redirect_uris: ['http://127.0.0.1/callback'] }
    const before = createServer(({ url }, answer) => {
      answer.writeHead(200, { 'content-type': 'application/json' })
      answer.end(url === '/jwks.json' ? keys : JSON.stringify(about))
    }).listen(Number(new URL(id).port), '127.0.0.1')
    onTestFinished(() => void before.close())
    const taken = await run(['fetch', `${parties.api}/data-jwks`])
    expect(taken).toMatchObject({ status: 1 })
    expect(taken.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'a command that was started before the agent was changed is using its port',
    )
  })
})

describe('tokens', () => {
  it('are listed, and forgotten for one resource', async () => {
    const { run } = await newAgent()
    expect(await run(['agent', 'tokens', 'list'])).toMatchObject({ status: 0, stdout: '' })
    await run(['fetch', `${parties.api}/data-auth`], { person: decidesAt('grant').decide })
    const { stdout, stderr } = await run(['agent', 'tokens', 'list'])
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(', then renewed until your consent expires; from ')
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      `“My agents” shows when your consent expires: sign in at ${parties.authServer}.`,
    )
    expect(stdout).toMatch(new RegExp(`^${parties.api}\n  data\\.read data\\.write; until `))
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    const listed = await run(['agent', 'tokens', 'list', '--json'])
    expect(JSON.parse(listed.stdout)).toMatchObject({
      tokens: [{ resource: parties.api, auth_server: parties.authServer, scope: 'data.read data.write' }],
    })
    expect(listed.stdout).not.toContain('eyJ')
    const forgotten = await run(['agent', 'tokens', 'forget', parties.api])
    expect(forgotten).toMatchObject({ status: 0, stdout: '' })
    expect(forgotten.stderr.replaceAll('\n', ' ')).toContain(`go to your account at ${parties.authServer}`)
    expect(JSON.parse((await run(['agent', 'tokens', 'list', '--json'])).stdout)).toEqual({ tokens: [] })
    expect(await run(['agent', 'tokens', 'forget', '--all'])).toMatchObject({ status: 0 })
  })

  it('are forgotten for a resource together with the page of an undecided consent', async () => {
    const { run } = await newAgent()
    const page = async () => {
      const { stderr } = await run(['fetch', '--no-consent', `${parties.api}/data-auth`])
      return /^http.*$/m.exec(stderr)?.[0]
    }
    const first = await page()
    expect(first).toContain('/agent/auth')
    expect(await page(), 'it is pending').toBe(first)
    expect((await run(['agent', 'tokens', 'forget', 'https://other.example'])).status).toBe(2)
    expect(await page(), 'of another resource').toBe(first)
    expect(await run(['agent', 'tokens', 'forget', parties.api])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('were forgotten'),
    })
    expect(await page()).not.toBe(first)
  })
})
