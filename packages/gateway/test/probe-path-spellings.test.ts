import { createServer, type RequestListener } from 'node:http'
import { createRouteTable, probeApi, type Route, spellingKinds } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'

const strict = { method: 'GET', require: 'signature' } as const
type More = Partial<Parameters<typeof probeApi>[0]>

/** Probes an API, and also returns the targets that it received. */
async function probe(paths: (string | Route)[], api: RequestListener, more: More = {}) {
  const targets: string[] = []
  const server = createServer((incoming, outgoing) => {
    targets.push(incoming.url as string)
    api(incoming, outgoing)
  })
  const upstream = `http://127.0.0.1:${await listenWith(server)}`
  const routes = paths.map((path): Route => (typeof path === 'string' ? { ...strict, path } : path))
  return { ...(await probeApi({ upstream, routes, rules: undefined, ...more })), targets }
}

/** An API that responds only at some targets. */
const only =
  (...targets: string[]): RequestListener =>
  ({ url = '' }, outgoing) =>
    outgoing.writeHead(targets.includes(url) ? 200 : 404, { 'content-type': 'text/plain' }).end('same')

it('sends each spelling of a path once', async () => {
  const { targets, requests, isComplete, compared, routes } = await probe(['/a/Bc'], only('/a/Bc'))
  const [plain, again, missing, sibling, ...spellings] = targets
  expect([plain, again]).toEqual(['/a/Bc', '/a/Bc'])
  expect(missing).toMatch(/^\/[\da-f-]{36}$/)
  expect(sibling).toMatch(/^\/a\/[\da-f-]{36}$/)
  expect(spellings).toEqual(
    `/A/BC /a/bc /a/Bc/ /a/Bc. /a/Bc%20 /a/Bc+ /a/Bc.json /a/Bc.tar.gz /a/Bc.data /a/Bc.rsc /a/Bc.x/y /a/Bc/index.html
    /a/Bc/index.php /a/Bc/index /a/Bc~ /a/Bc-x /a/Bcx/y /a/Bc/__data.json /a/Bc/_payload.json /a/Bc/_.data
    /a/Bc/q-data.json /a/Bc;x /a/Bc;x=1 /a/Bc;/x /a/Bc%3Fx /a/Bc%3F/x /a/Bc%23/x /a/Bc%3Bx /a%2FBc /a/%2542c /a/%42c
    /a/%EF%BC%A2c /a/B%C2%ADc //a/Bc /x/../a/Bc /x/%2e%2e/a/Bc /%2e/a/Bc /x/..;/a/Bc /index.php/a/Bc /x/index.php/a/Bc
    /a/Bc/index.php/x /index/a/Bc /a/Bc::$DATA /?/a/Bc /?r=/a/Bc /?rest_route=/a/Bc /index.php?/a/Bc /?a/Bc /?r=a/Bc
    /?q=a/Bc /?s=a/Bc /?route=a/Bc /?url=a/Bc`.split(/\s+/),
  )
  expect({ requests, isComplete }).toEqual({ requests: targets.length, isComplete: true })
  expect([...compared]).toEqual(Object.keys(spellingKinds))
  expect(routes).toEqual([
    { method: 'GET', path: '/a/Bc', example: '/a/Bc', isComparable: true, status: 200, runs: [] },
  ])
})

it('sends only spellings that exist for a path', async () => {
  const { targets, compared } = await probe(['/1'], only('/1'))
  expect([...compared]).toEqual(
    Object.keys(spellingKinds).filter((kind) => !['case', 'encoded', 'doubly', 'letters'].includes(kind)),
  )
  expect(targets.filter((target) => target === '/1')).toHaveLength(2)
  const root = await probe(['/'], only('/'))
  expect(root).toMatchObject({ requests: 4, routes: [{ isComparable: true, runs: [] }] })
})

it('probes routes for GET, with the given parameters, or else 1 and x', async () => {
  const paths = [
    '/a/{id}/*',
    '/{b}.x',
    { ...strict, method: '*', path: '/c*d' },
    { ...strict, method: 'POST', path: '/p' },
  ]
  const examplesWith = async (more: More) => (await probe(paths, only(), more)).routes.map(({ example }) => example)
  expect(await examplesWith({})).toEqual(['/a/1/x', '/1.x', '/c*d'])
  const values = new Map([
    ['id', '7'],
    ['*', 'y/z'],
  ])
  expect(await examplesWith({ values })).toEqual(['/a/7/y/z', '/1.x', '/c*d'])
})

it('sends the given headers', async () => {
  const withKey: RequestListener = ({ headers }, outgoing) =>
    outgoing.writeHead(headers['x-key'] === 'k' ? 200 : 401).end()
  expect((await probe(['/a'], withKey, { headers: { 'X-Key': 'k' } })).routes).toMatchObject([{ status: 200 }])
})

describe('a spelling runs the route if its response has the same', () => {
  const runsOf = async (api: RequestListener) =>
    (await probe(['/ab'], api)).routes.map(({ isComparable, runs }) => [
      isComparable,
      ...runs.map(({ target }) => target),
    ])
  const respond =
    (ofPath: [number, string, string], ofSlash: [number, string, string]): RequestListener =>
    ({ url = '' }, outgoing) => {
      const [status, type, body] = url === '/ab' ? ofPath : url === '/ab/' ? ofSlash : [404, 'text/plain', 'missing']
      outgoing.writeHead(status, { 'content-type': type }).end(body.replaceAll('URL', url))
    }

  it.each<[string, [number, string, string], boolean]>([
    ['status, type and body', [200, 'text/html', 'a'], true],
    ['status, type and body, apart from parameters of the type and the target', [200, 'TEXT/html ; a=b', 'a'], true],
    ['status, not', [201, 'text/html', 'a'], false],
    ['type, not', [200, 'text/plain', 'a'], false],
    ['body, not', [200, 'text/html', 'b'], false],
  ])('%s: %j', async (_what, ofSlash, runs) => {
    expect(await runsOf(respond([200, 'text/html', 'a'], ofSlash))).toEqual([runs ? [true, '/ab/'] : [true]])
  })

  it('body, apart from the target', async () => {
    const echoing = respond([200, 'text/html', 'at URL, URL'], [200, 'text/html', 'at URL, URL'])
    expect(await runsOf(echoing)).toEqual([[true, '/ab/']])
  })

  it('status and type, if the body changes', async () => {
    let count = 0
    const changing: RequestListener = ({ url = '' }, outgoing) =>
      outgoing.writeHead(/^\/ab\/?$/.test(url) ? 200 : 404).end(String(count++))
    expect(await runsOf(changing)).toEqual([[true, '/ab/']])
  })

  it('first 256 KiB', async () => {
    let isOpen = false
    const endless: RequestListener = ({ url = '' }, outgoing) => {
      if (!/^\/ab\/?$/.test(url)) return void outgoing.writeHead(404).end()
      outgoing.writeHead(200).write('a'.repeat(262_144))
      isOpen = true
      outgoing.once('close', () => {
        isOpen = false
      })
    }
    expect(await runsOf(endless)).toEqual([[true, '/ab/']])
    await expect.poll(() => isOpen).toBe(false)
  })

  it('if a path that does not exist has another one', async () => {
    const sameFor = (matches: RegExp, status = 200) =>
      runsOf(({ url = '' }, outgoing) => void outgoing.writeHead(matches.test(url) ? status : 404).end())
    expect(await sameFor(/./)).toEqual([[false]])
    expect(await sameFor(/^\/[\da-f-]{36}$|^\/ab$/)).toEqual([[false]])
    expect(await sameFor(/^\/ab$/, 499)).toEqual([[true]])
    expect(await sameFor(/^\/ab$/, 500)).toEqual([[false]])
  })
})

it('stops before it sends more requests than allowed', async () => {
  const { requests } = await probe(['/ab'], only('/ab'))
  const within = async (maxRequests: number) => {
    const found = await probe(['/ab', '/ab'], only('/ab'), { maxRequests })
    return [found.requests, found.routes.length, found.isComplete]
  }
  expect(await within(2 * requests)).toEqual([2 * requests, 2, true])
  expect(await within(2 * requests - 1)).toEqual([requests, 1, false])
  expect(await within(requests - 1)).toEqual([0, 0, false])
})

it('compares the requirements of the gateway for a spelling and for the path', async () => {
  const table = createRouteTable([
    { ...strict, path: '/ab' },
    { ...strict, path: '/abx/*' },
    { method: 'GET', path: '/ab-x', require: 'none' },
  ])
  const api = only('/ab', '/ab.json', '/abx/y', '/ab-x')
  const gatewaysWith = async (more: More) => {
    const [first] = (await probe(['/ab'], api, more)).routes
    return first?.runs.map(({ kind, target, gateway }) => [kind, target, gateway])
  }
  expect(await gatewaysWith({ rules: { table, otherwise: 'refuse' } })).toEqual([
    ['ending', '/ab.json', 'refused'],
    ['prefix', '/ab-x', 'less'],
    ['prefix', '/abx/y', 'as much'],
  ])
  expect(await gatewaysWith({})).toEqual([
    ['ending', '/ab.json', undefined],
    ['prefix', '/ab-x', undefined],
    ['prefix', '/abx/y', undefined],
  ])
})

it('rejects if the API does not respond to the path, but not if it does not respond to a spelling', async () => {
  await expect(
    probeApi({ upstream: 'http://127.0.0.1:1', routes: [{ ...strict, path: '/a' }], rules: undefined }),
  ).rejects.toThrow(/ECONNREFUSED/)
  const breaking: RequestListener = (incoming, outgoing) => {
    if (incoming.url === '/ab/') incoming.socket.destroy()
    else only('/ab')(incoming, outgoing)
  }
  expect((await probe(['/ab'], breaking)).routes).toMatchObject([{ isComparable: true, runs: [] }])
})
