import { expect, it, onTestFinished } from 'vitest'
import { ids, openStage, type Stage } from './stage.js'

const document = (scope_descriptions: unknown) => ({
  resource: ids.api,
  jwks_uri: `${ids.api}/jwks.json`,
  scope_descriptions,
})

/** What the person behind a request for these scopes is told of them. */
async function told(scope: string, stage: Stage): Promise<unknown> {
  stage.api = async () => stage.challenge(scope)
  const { agent, asked } = stage
  onTestFinished(() => agent.forget('s1'))
  agent
    .for('s1')
    .fetch(`${ids.api}/data`)
    .catch(() => undefined)
  await expect.poll(() => asked.length, { timeout: 5000, interval: 5 }).toBe(1)
  return asked[0]?.permissions
}

function describing(descriptions: unknown): Stage {
  const stage = openStage()
  stage.apiDocument = () => document(descriptions)
  return stage
}

it('a person is told each scope in the words of the resource, in the order asked', async () => {
  const stage = describing({ 'data.write': 'Change your data', 'data.read': 'See your data', other: 'Not asked for' })
  expect(await told('data.read data.write data.delete', stage)).toEqual([
    { scope: 'data.read', description: 'See your data' },
    { scope: 'data.write', description: 'Change your data' },
    { scope: 'data.delete', description: undefined },
  ])
})

it.each<[string, unknown, string | undefined]>([
  ['control characters and lines', 'See\u0000 your\u001b[31m\r\n data\u0085', 'See your[31m data'],
  [
    'characters that turn the text around, or are not seen',
    '\u202eSee\u200b your\u2066 data\u{e0041}',
    'See your data',
  ],
  ['more than 200 characters', '😀'.repeat(300), `${'😀'.repeat(199)}…`],
  ['marks on marks', `Se${'\u0301'.repeat(50)}e`, 'S\u00e9\u0301\u0301e'],
  ['markup, as text', '<script>alert(1)</script>', '<script>alert(1)</script>'],
  ['nothing that is seen', ' \u200b\n', undefined],
])('of a description with %s the person is told a plain line', async (_what, description, shown) => {
  expect(await told('data.read', describing({ 'data.read': description }))).toEqual([
    { scope: 'data.read', description: shown },
  ])
})

it('names that every object has are no descriptions', async () => {
  const scopes = ['constructor', 'toString', '__proto__']
  expect(await told(scopes.join(' '), describing({}))).toEqual(
    scopes.map((scope) => ({ scope, description: undefined })),
  )
})

it('what is told about the person is not for the resource to describe', async () => {
  const lies = { openid: 'Nothing at all', profile: 'The weather', email: 'The time', 'data.read': 'See your data' }
  expect(await told('openid profile email data.read', describing(lies))).toEqual([
    { scope: 'openid', description: undefined },
    { scope: 'profile', description: undefined },
    { scope: 'email', description: undefined },
    { scope: 'data.read', description: 'See your data' },
  ])
})

it.each<[string, Stage['apiDocument']]>([
  ['is not there', () => new Response('', { status: 404 })],
  [
    'is the one of another resource',
    () => ({ ...document({ 'data.read': 'a lie' }), resource: 'https://other.example' }),
  ],
  ['is larger than 16 kB', () => document({ 'data.read': 'x'.repeat(20_000) })],
  ['never ends', () => new Response(new ReadableStream({ pull: (body) => body.enqueue(new Uint8Array(1024)) }))],
  ['describes with numbers', () => document({ 'data.read': 7 })],
  ['is no JSON', () => new Response('<html>')],
  ['leads elsewhere', () => Response.redirect('https://other.example/', 302)],
  ['never comes', () => new Promise(() => undefined)],
  [
    'cannot be fetched',
    () => {
      throw new TypeError('no network')
    },
  ],
  [
    'is fetched by a function with a mistake',
    () => {
      throw new RangeError('a mistake')
    },
  ],
])('where its document %s, the person is asked all the same', async (_what, apiDocument) => {
  const stage = openStage()
  stage.apiDocument = apiDocument
  const before = performance.now()
  expect(await told('data.read', stage)).toEqual([{ scope: 'data.read', description: undefined }])
  expect(performance.now() - before).toBeLessThan(4000)
})

it('who gives up before the document came asks nobody', async () => {
  const stage = openStage()
  let answer: (response: Response) => void = () => undefined
  let isAsked = false
  stage.apiDocument = () => {
    isAsked = true
    return new Promise((resolve) => {
      answer = resolve
    })
  }
  const abort = new AbortController()
  const call = stage.agent.for('s1').fetch(`${ids.api}/data`, { signal: abort.signal })
  await expect.poll(() => isAsked).toBe(true)
  abort.abort(new Error('given up'))
  await expect(call).rejects.toThrow('given up')
  answer(Response.json(document({})))
  await new Promise((soon) => setTimeout(soon, 20))
  expect(stage.asked).toEqual([])
})

it('documents are fetched once for several requests', async () => {
  let fetched = 0
  const stage = openStage()
  stage.apiDocument = () => {
    fetched++
    return document({ 'data.read': 'See your data' })
  }
  await told('data.read', stage)
  onTestFinished(() => stage.agent.forget('s2'))
  stage.agent
    .for('s2')
    .fetch(`${ids.api}/data`)
    .catch(() => undefined)
  await expect.poll(() => stage.asked.length).toBe(2)
  expect(fetched).toBe(1)
})
