import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { needInFile, python } from '../../../test/needs.js'
import { listenWith } from './listen-with.js'
import { newAgent, openParties } from './own-agent.js'
import { type Running, startCommand } from './run-command.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()
const run = promisify(execFile)

interface Sidecar {
  folder: string
  running: Running
  /** With the secret, as programs write it. */
  url: string
  port: string
  secret: string
}

/** A sidecar in its own process, with no one at a terminal. */
async function startSidecar(flags: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Sidecar> {
  const { folder } = await newAgent([parties.authServer])
  const running = startCommand(['sidecar', '--port', '0', ...flags], { ...env, COUNTERSIGN_HOME: folder })
  onTestFinished(() => void running.child.kill('SIGKILL'))
  const [, port = ''] = await running.seen(/^http:\/\/127\.0\.0\.1:(\d+)\n/)
  const secret = readFileSync(join(folder, 'sidecar-secret'), 'utf8').trim()
  return { folder, running, port, secret, url: `http://x:${secret}@127.0.0.1:${port}` }
}

const hostOf = (url: string) => new URL(url).host

/** The response that a local program receives; its status follows the body. */
async function curl(...args: string[]): Promise<{ status: number; body: string }> {
  const { stdout } = await run('curl', ['-sS', '--max-time', '20', '-w', '\n%{http_code}', ...args])
  const lines = stdout.split('\n')
  return { status: Number(lines.at(-1)), body: lines.slice(0, -1).join('\n') }
}

/** A typical Python script: one line of it names the sidecar. */
async function runPython(script: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { stdout } = await run(python, ['-c', script], { env: { ...process.env, ...env }, timeout: 60_000 })
  return stdout.trim().split('\n')
}

interface Echo {
  host: string
  seen: { method: string; url: string; body: string; headers: IncomingHttpHeaders }[]
}

const tls = { folder: '', key: '', cert: '' }
const isThere = needInFile('curl', 'openssl', 'Python with requests')
beforeAll(() => {
  if (!isThere) return
  tls.folder = mkdtempSync(join(tmpdir(), 'countersign-tls-'))
  tls.key = join(tls.folder, 'key.pem')
  tls.cert = join(tls.folder, 'cert.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', tls.key, '-out', tls.cert]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files], {
    stdio: 'ignore',
  })
  return () => rmSync(tls.folder, { recursive: true })
})

/** An API over https that requires nothing and echoes the request. */
async function openEcho(answer?: RequestListener): Promise<Echo> {
  const seen: Echo['seen'] = []
  const server = createServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }, (incoming, outgoing) => {
    let body = ''
    incoming.on('data', (chunk) => {
      body += String(chunk)
    })
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      seen.push({ method, url, body, headers })
      if (answer) answer(incoming, outgoing)
      else outgoing.setHeader('set-cookie', ['a=1', 'b=2']).end(`${method} ${url} ${body}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `localhost:${(server.address() as AddressInfo).port}`, seen }
}

const trusted = () => ({ NODE_EXTRA_CA_CERTS: tls.cert })

describe('a program in another language', () => {
  it('changes one line in Python, receives the consent URL, and works once the user has decided', async () => {
    const { url } = await startSidecar(['--allow-host', hostOf(parties.api)])
    const script = `
import requests
api = "${url}/${parties.api}"
response = requests.get(api + "/data-auth")
print(response.status_code)
print(response.text.strip())
print(requests.post(api + "/data-jwks", json={"note": 1}).json()["method"])
`
    const [status, body, method] = await runPython(script)
    expect([status, method]).toEqual(['401', 'POST'])
    const { error, consent_url: page } = JSON.parse(body ?? '') as { error: string; consent_url: string }
    expect(error).toBe('consent_required')
    const person = decidesAt('grant')
    person.decide(page)
    expect(await person.page()).toContain('data-state="allowed"')
    const [again, answer] = await runPython(script)
    expect(again).toBe('200')
    expect(JSON.parse(answer ?? '')).toMatchObject({ message: 'Access granted' })
  })

  it('uses it as a proxy for http, which is upgraded to https; other credentials are forwarded, but not the secret', async () => {
    const echo = await openEcho()
    const { url, secret } = await startSidecar(['--allow-host', echo.host], trusted())
    const lines = await runPython(
      `
import requests
response = requests.put("http://${echo.host}/orders?x=1", data=b"two", headers={"authorization": "Bearer own"})
print(response.status_code, response.text)
print(sorted(response.cookies.items()))
`,
      { http_proxy: url, no_proxy: '' },
    )
    expect(lines).toEqual(['200 PUT /orders?x=1 two', "[('a', '1'), ('b', '2')]"])
    const [{ headers } = { headers: {} }] = echo.seen
    expect(headers).toMatchObject({ authorization: 'Bearer own', host: echo.host })
    expect(headers).toHaveProperty('signature')
    expect(headers).toHaveProperty('content-digest')
    expect(JSON.stringify(headers)).not.toContain(secret)
    expect(JSON.stringify(headers)).not.toContain(Buffer.from(`x:${secret}`).toString('base64'))
    expect(headers).not.toHaveProperty('proxy-authorization')
    const shown = await curl('-x', url, `http://${echo.host}/x`)
    expect(shown).toEqual({ status: 200, body: 'GET /x ' })
  })

  it('calls it with curl, using the path; neither the secret nor connection headers are forwarded', async () => {
    const echo = await openEcho()
    const { url, secret } = await startSidecar(['--allow-host', echo.host], trusted())
    const more = ['-H', 'Connection: x-hop', '-H', 'X-Hop: 1', '-H', 'X-Own: 2', '-H', 'Signature: forged']
    expect(await curl('-d', 'a=b', ...more, `${url}/https://${echo.host}/there`)).toEqual({
      status: 200,
      body: 'POST /there a=b',
    })
    const headers = echo.seen[0]?.headers ?? {}
    expect(headers).toMatchObject({ 'x-own': '2', host: echo.host })
    expect(headers).not.toHaveProperty('x-hop')
    expect(headers).not.toHaveProperty('authorization')
    expect(headers.signature).not.toContain('forged')
    expect(JSON.stringify(headers)).not.toContain(secret)
  })
})

it('a Node program sends requests with its built-in fetch', async () => {
  const echo = await openEcho()
  const { port, secret } = await startSidecar(['--allow-host', echo.host], trusted())
  const authorization = `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`
  const response = await fetch(`http://127.0.0.1:${port}/https://${echo.host}/x`, { headers: { authorization } })
  expect([response.status, await response.text()]).toEqual([200, 'GET /x '])
  const posted = await fetch(`http://127.0.0.1:${port}/https://${echo.host}/x`, {
    method: 'POST',
    headers: { authorization },
    body: 'two',
  })
  expect(await posted.text()).toBe('POST /x two')
  expect(echo.seen.map(({ headers }) => headers['sec-fetch-mode'])).toEqual(['cors', 'cors'])
})

describe('a content coding', () => {
  const plain = 'what the API says, '.repeat(50)
  const bodies: Record<string, [coding: string, body: Uint8Array]> = {
    '/gzip': ['gzip', gzipSync(plain)],
    '/br': ['br', brotliCompressSync(plain)],
    '/both': ['gzip, br', brotliCompressSync(gzipSync(plain))],
    '/aws': ['aws-chunked', Buffer.from(plain)],
    '/aws-gzip': ['gzip, aws-chunked', gzipSync(plain)],
    '/x-deflate': ['x-deflate', deflateSync(plain)],
    '/zstd': ['zstd', Buffer.from('28b52ffd', 'hex')],
  }
  const answer: RequestListener = ({ url = '' }, outgoing) => {
    const [coding, body] = bodies[url] ?? ['', Buffer.from(plain)]
    if (coding !== '') outgoing.setHeader('content-encoding', coding)
    outgoing.setHeader('content-length', body.length).end(body)
  }
  const head = async (...args: string[]) => (await run('curl', ['-sS', '-D', '-', '-o', '/dev/null', ...args])).stdout

  it('is removed, whatever the program accepts', async () => {
    const echo = await openEcho(answer)
    const { url } = await startSidecar(['--allow-host', echo.host], trusted())
    const at = (path: string) => `${url}/https://${echo.host}${path}`
    for (const path of ['/plain', '/gzip', '/br', '/both']) {
      expect(await curl('-H', 'accept-encoding: zstd, gzip, br', at(path))).toEqual({ status: 200, body: plain })
      const fields = await head(at(path))
      expect(fields).not.toMatch(/content-encoding/i)
      expect(/content-length: (\d+)/i.exec(fields)?.[1], path).toBe(
        path === '/plain' ? String(plain.length) : undefined,
      )
    }
    expect(echo.seen[0]?.headers['accept-encoding']).not.toContain('zstd')
  })

  it('is named if it cannot be removed, and the body is unchanged', async () => {
    const echo = await openEcho(answer)
    const { url } = await startSidecar(['--allow-host', echo.host], trusted())
    const at = (path: string) => `${url}/https://${echo.host}${path}`
    expect(await curl(at('/aws'))).toEqual({ status: 200, body: plain })
    expect(await head(at('/aws'))).toMatch(/content-encoding: aws-chunked\r\n/i)
    expect(await head(at('/aws-gzip'))).toMatch(/content-encoding: gzip, aws-chunked\r\n/i)
    expect(await head(at('/x-deflate'))).toMatch(/content-encoding: x-deflate\r\n/i)
    expect(await curl(at('/zstd'))).toMatchObject({ status: 502, body: expect.stringContaining('zstd') })
  })

  it('is kept for HEAD, with its length', async () => {
    const echo = await openEcho(answer)
    const { url } = await startSidecar(['--allow-host', echo.host], trusted())
    const fields = await head('-I', `${url}/https://${echo.host}/gzip`)
    expect(fields).toMatch(/content-encoding: gzip\r\n/i)
    expect(fields).toMatch(new RegExp(`content-length: ${gzipSync(plain).length}\\r\\n`, 'i'))
  })
})

it('rejects requests that cannot be sent, with a reason', async () => {
  const echo = await openEcho()
  const { url, port, secret } = await startSidecar(['--allow-host', echo.host], trusted())
  const target = `${url}/https://${echo.host}/x`
  expect(await curl('-X', 'GET', '-d', 'a=b', target)).toMatchObject({
    status: 400,
    body: expect.stringContaining('cannot have a body'),
  })
  expect(await curl('-X', 'TRACE', target)).toMatchObject({ status: 405 })
  const authorization = `Authorization: Basic ${Buffer.from(`x:${secret}`).toString('base64')}`
  for (const hosts of [
    `Host: 127.0.0.1:${port}\r\nHost: evil.example`,
    `Host: evil.example\r\nHost: 127.0.0.1:${port}`,
  ]) {
    const socket = createConnection(Number(port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(`GET /https://${echo.host}/x HTTP/1.1\r\n${hosts}\r\n${authorization}\r\n\r\n`)
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 400 /)
  }
  expect(echo.seen).toEqual([])
})

describe('how a user is prompted', () => {
  it('by the user’s own command, which finds the page in its environment', async () => {
    const place = join(tls.folder, 'page')
    const { url } = await startSidecar([
      '--allow-host',
      hostOf(parties.api),
      '--on-consent',
      `printf %s "$COUNTERSIGN_CONSENT_URL" > ${place}.new && mv ${place}.new ${place}`,
    ])
    const asked = curl(`${url}/${parties.api}/data-auth`)
    await expect.poll(() => existsSync(place)).toBe(true)
    decidesAt('grant').decide(readFileSync(place, 'utf8'))
    expect(await asked).toMatchObject({ status: 200 })
  })

  it('by a command that fails, which the program learns', async () => {
    const { url } = await startSidecar(['--allow-host', hostOf(parties.api), '--on-consent', 'exit 3'])
    const { status, body } = await curl(`${url}/${parties.api}/data-auth`)
    expect(status).toBe(502)
    expect(body).toContain('The --on-consent command exited with status 3.')
  })

  it('in the terminal, if there is one', async () => {
    const agent = await newAgent([parties.authServer])
    const running = agent.start(['sidecar', '--port', '0', '--allow-host', hostOf(parties.api)], {
      person: decidesAt('grant').decide,
    })
    const [, port = ''] = await running.seen(/http:\/\/127\.0\.0\.1:(\d+)\n/)
    const secret = readFileSync(join(agent.folder, 'sidecar-secret'), 'utf8').trim()
    expect(await curl(`http://x:${secret}@127.0.0.1:${port}/${parties.api}/data-auth`)).toMatchObject({ status: 200 })
    expect(await running.stop('SIGTERM')).toMatchObject({ status: 0 })
  })

  it('reports a denial to the program', async () => {
    const { url } = await startSidecar(['--allow-host', hostOf(parties.api)])
    const { body } = await curl(`${url}/${parties.api}/data-auth`)
    const person = decidesAt('deny')
    person.decide((JSON.parse(body) as { consent_url: string }).consent_url)
    expect(await person.page()).toContain('data-state="denied"')
    expect((await curl(`${url}/${parties.api}/data-auth`)).status, 'a new flow').toBe(401)
  })
})

describe('rejected requests, which are not forwarded', () => {
  it('L10: requests from web pages, and requests without the secret', async () => {
    const echo = await openEcho()
    const { port, url } = await startSidecar(['--allow-host', echo.host], trusted())
    const target = `/https://${echo.host}/x`
    expect(await curl('-H', 'Origin: https://evil.example', url + target)).toMatchObject({ status: 403 })
    expect(await curl('-H', 'Host: evil.example', url + target)).toMatchObject({ status: 403 })
    expect(await curl(`http://127.0.0.1:${port}${target}`)).toMatchObject({ status: 401 })
    expect(await curl(`http://x:wrong@127.0.0.1:${port}${target}`)).toMatchObject({ status: 401 })
    expect(await curl('-x', `http://127.0.0.1:${port}`, `http://${echo.host}/x`)).toMatchObject({ status: 407 })
    expect(echo.seen).toEqual([])
  })

  it('L10: callbacks that a foreign page sends to the callback port', async () => {
    const { url } = await startSidecar(['--allow-host', hostOf(parties.api)])
    const asked = await curl(`${url}/${parties.api}/data-auth`)
    const { consent_url: page } = JSON.parse(asked.body) as { consent_url: string }
    const { searchParams } = new URL(page)
    const callback = new URL(searchParams.get('redirect_uri') ?? '')
    callback.searchParams.set('state', searchParams.get('state') ?? '')
    callback.searchParams.set('iss', parties.authServer)
    callback.searchParams.set('error', 'access_denied')
    for (const field of ['Host: evil.example', 'Host: localhost', 'Origin: https://evil.example'])
      expect(await curl('-H', field, callback.href)).toMatchObject({ status: 403 })
    const person = decidesAt('grant')
    person.decide(page)
    expect(await person.page()).toContain('data-state="allowed"')
  })

  it('L11: other hosts, tunnels, and redirects to other hosts; redirects to the same host go through the sidecar', async () => {
    const echo = await openEcho((incoming, outgoing) => {
      const places: Record<string, string> = {
        '/away': 'https://other.example/x',
        '/back': '/x?y=1',
        '/whole': `https://${incoming.headers.host}/x`,
      }
      const location = places[incoming.url ?? '']
      if (location !== undefined) outgoing.writeHead(302, { location })
      outgoing.end('here')
    })
    const { url } = await startSidecar(['--allow-host', echo.host], trusted())
    expect(await curl(`${url}/https://other.example/x`)).toMatchObject({ status: 403 })
    const away = await curl(`${url}/https://${echo.host}/away`)
    expect(away.status).toBe(502)
    expect(away.body).toContain('redirects to other.example')
    expect(await curl('-L', `${url}/https://${echo.host}/back`)).toEqual({ status: 200, body: 'here' })
    expect(await curl('-L', '-x', url, `http://${echo.host}/whole`)).toEqual({ status: 200, body: 'here' })
    expect(echo.seen.map((one) => one.url)).toEqual(['/away', '/back', '/x?y=1', '/whole', '/x'])
    const tunnel = await run('curl', ['-sS', '-x', url, `https://${echo.host}/x`]).catch(
      (error: Error) => error.message,
    )
    expect(tunnel).toContain('405')
  })

  it('a tunnel, which is closed even if the other side never closes it; an upgrade request gets an ordinary response', async () => {
    const echo = await openEcho()
    const { port, url } = await startSidecar(['--allow-host', echo.host], trusted())
    const socket = createConnection({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.write('CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n')
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(String(first)).toMatch(/^HTTP\/1\.1 405 /)
    await once(socket, 'end')
    expect(await curl('--http2', `${url}/https://${echo.host}/x`)).toEqual({ status: 200, body: 'GET /x ' })
  })

  it('redirects with an invalid URL; a Location that is not a redirect is forwarded', async () => {
    const echo = await openEcho((incoming, outgoing) => {
      const isMade = incoming.url === '/made'
      const location = isMade ? 'https://other.example/1' : 'http://xn--a.localhost:7103/steal'
      outgoing.writeHead(isMade ? 201 : 307, { location }).end('done')
    })
    const { url } = await startSidecar(['--allow-host', echo.host], trusted())
    expect(await curl(`${url}/https://${echo.host}/away`)).toMatchObject({ status: 502 })
    expect(await curl('-d', 'x', `${url}/https://${echo.host}/made`)).toEqual({ status: 201, body: 'done' })
  })

  it('a cookie of one host to another host, or to another local port', async () => {
    const answer: RequestListener = (incoming, outgoing) => {
      const cookies = ['sid=1; Domain=localhost; Path=/; Secure; HttpOnly', 'deep=2; Secure']
      outgoing.setHeader('set-cookie', cookies).end(incoming.headers.cookie ?? 'none')
    }
    const [one, other] = [await openEcho(answer), await openEcho(answer)]
    const { url, port } = await startSidecar(['--allow-host', one.host, '--allow-host', other.host], trusted())
    const jar = join(mkdtempSync(join(tls.folder, 'jar-')), 'jar')
    const ask = async (target: string) => (await curl('-c', jar, '-b', jar, target)).body
    await ask(`${url}/https://${one.host}/a/b`)
    expect(readFileSync(jar, 'utf8')).toContain(`/https://${one.host}/`)
    expect(await ask(`${url}/https://${one.host}/c`)).toBe('sid=1')
    expect(new Set((await ask(`${url}/https://${one.host}/a/d`)).split('; '))).toEqual(new Set(['deep=2', 'sid=1']))
    const empty = join(mkdtempSync(join(tls.folder, 'jar-')), 'jar')
    await curl('-c', empty, '-b', jar, `${url}/https://${other.host}/c`)
    expect(other.seen[0]?.headers.cookie).toBeUndefined()
    const local = await listenWith((incoming, outgoing) => outgoing.end(incoming.headers.cookie ?? 'none'))
    onTestFinished(local.close)
    expect((await curl('-b', jar, `${local.origin}/c`)).body).toBe('none')
    expect(port).not.toBe(new URL(local.origin).port)
  })
})

it('streams responses, and aborts them when the program disconnects', async () => {
  let closed: Promise<unknown> | undefined
  const echo = await openEcho((_incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    outgoing.write('data: first\n\n')
    closed = once(outgoing, 'close')
  })
  const { url } = await startSidecar(['--allow-host', echo.host], trusted())
  const program = spawn('curl', ['-sSN', `${url}/https://${echo.host}/events`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void program.kill('SIGKILL'))
  const [first] = (await once(program.stdout, 'data')) as [Buffer]
  expect(String(first)).toBe('data: first\n\n')
  program.kill('SIGKILL')
  await closed
})

it('on SIGTERM, completes requests in progress and accepts no more', async () => {
  let arrived: () => void = () => undefined
  const isThere = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const echo = await openEcho((_incoming, outgoing) => {
    arrived()
    setTimeout(() => outgoing.end('late'), 700)
  })
  const { running, url } = await startSidecar(['--allow-host', echo.host], trusted())
  const slow = curl(`${url}/https://${echo.host}/slow`)
  await isThere
  running.child.kill('SIGTERM')
  expect(await slow).toEqual({ status: 200, body: 'late' })
  expect((await running.finished).status).toBe(0)
})

it('on SIGTERM while a user decides, immediately returns the consent URL to the program; a later decision there works', async () => {
  const agent = await newAgent([parties.authServer])
  const flags = ['sidecar', '--port', '0', '--allow-host', hostOf(parties.api)]
  let page = ''
  const person = (url: string) => {
    page = url
  }
  const running = agent.start(flags, { person })
  const [, port = ''] = await running.seen(/http:\/\/127\.0\.0\.1:(\d+)\n/)
  const secret = readFileSync(join(agent.folder, 'sidecar-secret'), 'utf8').trim()
  const asked = [1, 2].map(() => curl(`http://x:${secret}@127.0.0.1:${port}/${parties.api}/data-auth`))
  await running.seen(/The page shows the code/)
  await new Promise((soon) => setTimeout(soon, 300))
  expect(await running.stop('SIGTERM')).toMatchObject({ status: 0 })
  for (const { status, body } of await Promise.all(asked)) {
    expect(status).toBe(401)
    expect(JSON.parse(body)).toMatchObject({ error: 'consent_required', consent_url: page })
  }
  const again = agent.start(['fetch', `${parties.api}/data-auth`], { person: () => undefined })
  await again.seen(/Waiting for you/)
  decidesAt('grant').decide(page)
  expect(await again.finished).toMatchObject({ status: 0 })
})

it('on SIGTERM while a consent command is running, returns the consent URL to the program', async () => {
  const place = join(tls.folder, 'asking')
  const flags = ['--allow-host', hostOf(parties.api), '--on-consent', `touch ${place}; exec sleep 30`]
  const { running, url } = await startSidecar(flags)
  const asked = curl(`${url}/${parties.api}/data-auth`)
  await expect.poll(() => existsSync(place)).toBe(true)
  running.child.kill('SIGTERM')
  const { status, body } = await asked
  expect(status).toBe(401)
  expect(JSON.parse(body)).toMatchObject({ error: 'consent_required' })
  expect((await running.finished).status).toBe(0)
})

it('a socket is protected by its file mode; a socket left behind by a killed program is taken over', async () => {
  const echo = await openEcho()
  const { folder } = await newAgent([parties.authServer])
  const path = join(folder, 'socket')
  const args = ['sidecar', '--socket', path, '--allow-host', echo.host]
  const begin = async () => {
    const running = startCommand(args, { ...trusted(), COUNTERSIGN_HOME: folder })
    onTestFinished(() => void running.child.kill('SIGKILL'))
    await running.seen(/\n/)
    return running
  }
  const first = await begin()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const ask = ['--unix-socket', path, `http://localhost/https://${echo.host}/x`]
  expect(await curl(...ask)).toEqual({ status: 200, body: 'GET /x ' })
  const again = startCommand(args, { COUNTERSIGN_HOME: folder })
  onTestFinished(() => void again.child.kill('SIGKILL'))
  const second = await again.finished
  expect(second).toMatchObject({ status: 1 })
  expect(second.stderr).toContain('is in use')
  first.child.kill('SIGKILL')
  await first.finished
  const third = await begin()
  expect(await curl(...ask)).toMatchObject({ status: 200 })
  third.child.kill('SIGTERM')
  expect((await third.finished).status).toBe(0)
})

it('does not take over the socket of a program that is too busy to accept', async () => {
  const { folder } = await newAgent([parties.authServer])
  const path = join(folder, 'socket')
  const program = `require('node:net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
    require('node:fs').writeSync(1, 'listening')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const busy = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void busy.kill('SIGKILL'))
  await once(busy.stdout, 'data')
  // These fill the accept queue.
  for (let filled = 0; filled < 4; filled += 1) {
    const socket = createConnection(path).on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
  }
  const late = startCommand(['sidecar', '--socket', path, '--allow-host', 'api.example'], { COUNTERSIGN_HOME: folder })
  onTestFinished(() => void late.child.kill('SIGKILL'))
  expect((await late.finished).stderr).toContain('is in use')
})

it.each<[string[], RegExp]>([
  [[], /--allow-host api\.example/],
  [['--allow-host', 'https://api.example'], /--allow-host must be a host/],
  [['--allow-host', 'api.example/x'], /--allow-host must be a host/],
  [['--allow-host', '*'], /--allow-host must be a host/],
  [['--allow-host', 'api.example', '--port', '70000'], /--port must be/],
  [['--allow-host', 'api.example', '--socket', 'x', '--port', '1'], /cannot be combined with --port or/],
  [['--allow-host', 'api.example', '--no-consent', '--on-consent', 'x'], /--on-consent or --no-consent/],
])('rejects invalid flags: %j', async (flags, why) => {
  const agent = await newAgent([])
  const ended = await agent.run(['sidecar', ...flags])
  expect(ended).toMatchObject({ status: 2, stdout: '' })
  expect(ended.stderr).toMatch(why)
})

it('writes no secret for an agent that does not exist', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-none-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const flags = ['sidecar', '--port', '0', '--allow-host', 'api.example']
  const { stderr } = await startCommand(flags, { COUNTERSIGN_HOME: folder }).finished
  expect(stderr).toContain('There is no agent')
  expect(readdirSync(folder, { recursive: true })).toEqual([])
})

it('rejects a secret that other users can read', async () => {
  const agent = await newAgent([])
  writeFileSync(join(agent.folder, 'sidecar-secret'), 'a-secret-that-others-can-read\n', { mode: 0o644 })
  const ended = await agent.run(['sidecar', '--port', '0', '--allow-host', 'api.example'])
  expect(ended).toMatchObject({ status: 1 })
  expect(ended.stderr).toContain('chmod 600')
  const { origin, close } = await listenWith((_incoming, outgoing) => outgoing.end())
  onTestFinished(close)
  const fresh = await newAgent([])
  const taken = await fresh.run(['sidecar', '--port', new URL(origin).port, '--allow-host', 'api.example'])
  expect(taken.stderr).toMatch(/port \d+ on 127\.0\.0\.1 is in use/)
})
