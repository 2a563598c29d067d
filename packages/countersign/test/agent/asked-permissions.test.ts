import { expect, it, onTestFinished } from 'vitest'
import { ids, openStage, type Stage } from './stage.js'

const document = (scope_descriptions: unknown) => ({
  resource: ids.api,
  jwks_uri: `${ids.api}/jwks.json`,
  scope_descriptions,
})

/** What the user is shown for a request for these scopes. */
async function told(scope: string, stage: Stage): Promise<unknown> {
  stage.api = async () => stage.challenge(scope)
  const { agent, asked } = stage
  onTestFinished(() => agent.forget('s1'))
  agent
    .for('s1')
    .fetch(`${ids.api}/data`)
    .catch(() => undefined)
  await expect.poll(() => asked.length, { interval: 5 }).toBe(1)
  return asked[0]?.permissions
}

function describing(descriptions: unknown): Stage {
  const stage = openStage()
  stage.apiDocument = () => document(descriptions)
  return stage
}

it('describes each scope in the resource’s words, in the order requested', async () => {
  const stage = describing({ 'data.write': 'Change your data', 'data.read': 'See your data', other: 'Not asked for' })
  expect(await told('data.read data.write data.delete', stage)).toEqual([
    { scope: 'data.read', description: 'See your data' },
    { scope: 'data.write', description: 'Change your data' },
    { scope: 'data.delete', description: undefined },
  ])
})

it.each<[string, unknown, string | undefined]>([
  ['control characters and line breaks', 'See\u0000 your\u001b[31m\r\n data\u0085', 'See your[31m data'],
  [
    'characters that reverse the text direction or are invisible',
    '\u202eSee\u200b your\u2066 data\u{e0041}',
    'See your data',
  ],
  ['more than 200 characters', '😀'.repeat(300), `${'😀'.repeat(199)}…`],
  ['stacked combining marks', `Se${'\u0301'.repeat(50)}e`, 'S\u00e9\u0301\u0301e'],
  ['markup, as text', '<script>alert(1)</script>', '<script>alert(1)</script>'],
  ['nothing visible', ' \u200b\n', undefined],
])('shows the user one plain line for a description with %s', async (_what, description, shown) => {
  expect(await told('data.read', describing({ 'data.read': description }))).toEqual([
    { scope: 'data.read', description: shown },
  ])
})

it('does not treat names that every object inherits as descriptions', async () => {
  const scopes = ['constructor', 'toString', '__proto__']
  expect(await told(scopes.join(' '), describing({}))).toEqual(
    scopes.map((scope) => ({ scope, description: undefined })),
  )
})

it('ignores the resource’s descriptions of scopes that reveal the user’s identity', async () => {
  const lies = { openid: 'Nothing at all', profile: 'The weather', email: 'The time', 'data.read': 'See your data' }
  expect(await told('openid profile email data.read', describing(lies))).toEqual([
    { scope: 'openid', description: undefined },
    { scope: 'profile', description: undefined },
    { scope: 'email', description: undefined },
    { scope: 'data.read', description: 'See your data' },
  ])
})

it.each<[string, Stage['apiDocument']]>([
  ['does not exist', () => new Response('', { status: 404 })],
  ['belongs to another resource', () => ({ ...document({ 'data.read': 'a lie' }), resource: 'https://other.example' })],
  ['is larger than 16 kB', () => document({ 'data.read': 'x'.repeat(20_000) })],
  ['never ends', () => new Response(new ReadableStream({ pull: (body) => body.enqueue(new Uint8Array(1024)) }))],
  ['has numbers as descriptions', () => document({ 'data.read': 7 })],
  ['is not JSON', () => new Response('<html>')],
  ['redirects elsewhere', () => Response.redirect('https://other.example/', 302)],
  ['never arrives', () => new Promise(() => undefined)],
  [
    'cannot be fetched',
    () => {
      throw new TypeError('no network')
    },
  ],
  [
    'is fetched by a function with a bug',
    () => {
      throw new RangeError('a mistake')
    },
  ],
])('prompts the user even if the resource’s document %s', async (_what, apiDocument) => {
  const stage = openStage()
  stage.apiDocument = apiDocument
  expect(await told('data.read', stage)).toEqual([{ scope: 'data.read', description: undefined }])
})

it('does not prompt if the request is aborted before the document arrives', async () => {
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

it('fetches each document once for several requests', async () => {
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
