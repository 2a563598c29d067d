import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { createNodeListener, type Handler } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

/** What a handler sees of a request. */
async function seen<T>(init: RequestInit, look: (request: Request) => T | Promise<T>, target = '/a?b=1'): Promise<T> {
  let found: { value: T } | undefined
  const response = await ask(init, target, async (request) => {
    found = { value: await look(request) }
    return new Response()
  })
  if (!found) throw new Error(`answered ${response.status}`)
  return found.value
}

async function ask(init: RequestInit, target: string, handler: Handler): Promise<Response> {
  const server = createServer(createNodeListener(handler, { origin: 'https://resource.example' }))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${target}`, init)
}

const post = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', 'x-a': 'b' } }

describe('a listener’s request', () => {
  it('is a Request, with a body that can be read once', async () => {
    const found = await seen(post, async (request) => ({
      is: request instanceof Request,
      body: [request.bodyUsed, await request.json(), request.bodyUsed],
      again: await request.text().catch((error: unknown) => error),
    }))
    expect(found).toMatchObject({ is: true, body: [false, { a: 1 }, true], again: expect.any(TypeError) })
  })

  it('has no body if none was sent', async () => {
    expect(await seen({}, async (request) => [request.body, await request.text()])).toEqual([null, ''])
  })

  it.each<[string, (request: Request) => Promise<string>]>([
    ['text', (request) => request.text()],
    ['bytes', async (request) => Buffer.from(await request.arrayBuffer()).toString()],
    ['a blob', async (request) => (await request.blob()).text()],
    ['a clone', (request) => request.clone().text()],
    ['a stream', async (request) => new Response(request.body).text()],
    ['another Request made from it', (request) => new Request(request).text()],
    ['another Request to another URL', (request) => new Request('https://other.example/', request).text()],
    [
      'the body that fetch sends',
      async (request) => (await fetch(new Request(`data:,${await request.text()}`))).text(),
    ],
  ])('provides its body as %s', async (_claim, read) => {
    expect(decodeURIComponent(await seen(post, read))).toBe(post.body)
  })

  it('can be passed to fetch', async () => {
    const echoed = await seen(post, async (request) => {
      const echo = createServer((incoming, outgoing) => void incoming.pipe(outgoing.writeHead(200)))
      onTestFinished(() => void echo.close())
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(echo.address() as AddressInfo).port}/`
      return (await fetch(new Request(url, request))).text()
    })
    expect(echoed).toBe(post.body)
    const refused = seen(post, (request) => fetch(request, { signal: AbortSignal.abort(new Error('not sent')) }))
    await expect(refused).rejects.toThrow('answered 500')
  })

  it('can be changed with another Request made from it', async () => {
    const found = await seen(post, (request) => {
      const { method, url, headers } = new Request(request, { method: 'PUT' })
      return [method, url, headers.get('x-a')]
    })
    expect(found).toEqual(['PUT', 'https://resource.example/a?b=1', 'b'])
  })

  it('also has the members that browsers have', async () => {
    const membersOf = ({ cache, credentials, integrity, keepalive, mode, redirect, referrer }: Request) => {
      return [cache, credentials, integrity, keepalive, mode, redirect, referrer]
    }
    expect(await seen(post, membersOf)).toEqual(membersOf(new Request('https://a.example')))
  })

  it.each([
    ['/a/../b?c', '/b?c'],
    ['/a/%2E%2e/b', '/b'],
    ['/.well-known/a.json', '/.well-known/a.json'],
    ["/a?b='c'", '/a?b=%27c%27'],
    ['/a|b?c|d', '/a|b?c|d'],
    ['//a', '//a'],
  ])('has the URL that parsing makes of %s', async (target, path) => {
    const url = new URL(`https://resource.example${target}`).href
    expect(url).toBe(`https://resource.example${path}`)
    const found = new Promise<string>((resolve) => {
      const handler: Handler = (request) => {
        resolve(request.url)
        return new Response()
      }
      const listener = createNodeListener(handler, { origin: 'https://resource.example' })
      // Not by a client that parses the URL first.
      const server = createServer((incoming, outgoing) => listener(Object.assign(incoming, { url: target }), outgoing))
      onTestFinished(() => void server.close())
      server.listen(0, '127.0.0.1', () => void fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`))
    })
    expect(await found).toBe(url)
  })
})

describe('the Response of a process with a listener', () => {
  createNodeListener(() => new Response(), { origin: 'https://resource.example' })

  it.each<[string, () => Response, { status: number; text: string; type: string | null }]>([
    ['text', () => new Response('grüße'), { status: 200, text: 'grüße', type: 'text/plain;charset=UTF-8' }],
    ['nothing', () => new Response(), { status: 200, text: '', type: null }],
    ['null', () => new Response(null, { status: 204 }), { status: 204, text: '', type: null }],
    [
      'JSON',
      () => Response.json({ a: 1 }, { status: 201 }),
      { status: 201, text: '{"a":1}', type: 'application/json' },
    ],
    [
      'JSON of another type',
      () => Response.json([], { headers: { 'content-type': 'application/problem+json' } }),
      { status: 200, text: '[]', type: 'application/problem+json' },
    ],
    ['bytes', () => new Response(Buffer.from('a')), { status: 200, text: 'a', type: null }],
    ['a stream', () => new Response(new Response('a').body), { status: 200, text: 'a', type: null }],
    [
      'a form',
      () => new Response(new URLSearchParams({ a: '1' })),
      { status: 200, text: 'a=1', type: 'application/x-www-form-urlencoded;charset=UTF-8' },
    ],
  ])('can be made of %s, as can its clone and a Response made from it', async (_claim, create, expected) => {
    for (const make of [create, () => create().clone(), () => new Response(create().body, create())]) {
      const response = make()
      const found = { status: response.status, text: await response.text(), type: response.headers.get('content-type') }
      expect(found).toEqual(expected)
      expect(response).toBeInstanceOf(Response)
    }
    expect((await ask({}, '/', create)).status).toBe(expected.status)
  })

  it('keeps a change of its headers in a clone, and when it is sent', async () => {
    const response = new Response('a')
    response.headers.set('x-a', '1')
    expect(response.clone().headers.get('x-a')).toBe('1')
    const sent = await ask({}, '/', async () => {
      const answer = new Response('abc')
      await answer.clone().text()
      answer.headers.set('x-a', '2')
      return answer
    })
    expect([sent.headers.get('x-a'), sent.headers.get('content-length'), await sent.text()]).toEqual(['2', '3', 'abc'])
  })

  it('keeps the bytes that it was made of, even if they are overwritten later', async () => {
    const create = () => {
      const bytes = new Uint8Array([0xff, 0, 0x61])
      const response = new Response(bytes.subarray(1))
      bytes.fill(0x62)
      return response
    }
    for (const response of [create(), create().clone(), await ask({}, '/', create)])
      expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 0x61])
    expect((await ask({}, '/', create)).headers.get('content-length')).toBe('2')
    expect((await ask({ method: 'HEAD' }, '/', create)).status).toBe(200)
  })

  it('has a body that can be read once, and cannot be cloned after that', async () => {
    const response = new Response('a')
    expect([response.bodyUsed, await response.text(), response.bodyUsed]).toEqual([false, 'a', true])
    for (const read of ['text', 'json', 'arrayBuffer'] as const)
      await expect(response[read]()).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
    expect(response.body?.locked).toBe(true)
  })

  it.each([
    ['a byte-order mark', '\ufeffa', 'a'],
    ['an unpaired surrogate', 'a\ud800', 'a\ufffd'],
    ['surrogate pairs', '😀', '😀'],
  ])('reads text with %s as it would arrive', async (_claim, sent, read) => {
    expect(await new Response(sent).text()).toBe(read)
  })

  it.each<[string, () => Response, new () => Error]>([
    ['an invalid status', () => new Response('a', { status: 99 }), RangeError],
    ['a body for 204', () => new Response('a', { status: 204 }), TypeError],
    ['a body for 205', () => new Response('a', { status: 205 }), TypeError],
    ['a body for 304', () => new Response('a', { status: 304 }), TypeError],
    ['an invalid header', () => new Response('a', { headers: { 'a b': 'c' } }), TypeError],
    ['an invalid status text', () => new Response('a', { statusText: 'a\nb' }), TypeError],
    ['JSON of a value that has no JSON form', () => Response.json(undefined), TypeError],
    ['a redirect with another status', () => Response.redirect('https://a.example', 200 as 302), RangeError],
  ])('rejects %s', (_claim, create, kind) => {
    expect(create).toThrow(kind)
  })

  it('exposes its properties', async () => {
    const { ok, redirected, status, statusText, type, url } = new Response('a', { status: 404, statusText: 'Not here' })
    expect({ ok, redirected, status, statusText, type, url }).toEqual({
      ok: false,
      redirected: false,
      status: 404,
      statusText: 'Not here',
      type: 'default',
      url: '',
    })
    expect(Response.redirect('https://a.example/').headers.get('location')).toBe('https://a.example/')
    expect(Response.error().type).toBe('error')
    expect(await fetch('data:,a')).toBeInstanceOf(Response)
  })
})

describe('fetch', () => {
  it('stays the fetch that the process had replaced, also for a listener’s requests, and is called once', async () => {
    const traced = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      return new Response(input instanceof Request ? input.url : String(input))
    })
    for (let listeners = 0; listeners < 3; listeners++)
      createNodeListener(async () => new Response(), { origin: 'https://resource.example' })
    expect(await (await fetch('https://other.example/')).text()).toBe('https://other.example/')
    expect(traced).toHaveBeenCalledTimes(1)
  })
})

describe('replaceGlobals', () => {
  /** The globals that differ after a listener was created, in a separate process. */
  async function replacedWith(options: object): Promise<unknown> {
    const program = `
      import { createNodeListener } from 'countersign/node'
      const names = ['Response', 'Request', 'fetch']
      const before = names.map((name) => globalThis[name])
      createNodeListener(() => new Response(), ${JSON.stringify({ origin: 'https://resource.example', ...options })})
      console.log(JSON.stringify(names.filter((name, index) => globalThis[name] !== before[index])))`
    const args = ['--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
    return JSON.parse(stdout)
  }

  it.each([
    [{ replaceGlobals: false }, []],
    [{ replaceGlobals: true }, ['Response', 'Request', 'fetch']],
    [{}, ['Response', 'Request', 'fetch']],
  ])('with %o replaces %o of the process', async (options, names) => {
    expect(await replacedWith(options)).toEqual(names)
  })
})
