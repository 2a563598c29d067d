import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { openMapStage } from './attacks/stage.js'

/** The response to a client that accepts these codings. */
async function opened(path: string, codings: string, more: Record<string, string> = {}) {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const get = async () => {
    const headers = { ...more, 'accept-encoding': codings }
    const { status, headers: answered, ...response } = await answerTo(new Request(stage.authServer + path, { headers }))
    return { status, coding: answered.get('content-encoding'), headers: answered, ...response }
  }
  const answerTo = async (request: Request) => {
    const response = await stage.fetch(request)
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  }
  return get
}

it('compresses a page for clients that accept gzip, to a length that reveals nothing', async () => {
  const get = await opened('/account/sign-in', 'br, gzip')
  const answers = await Promise.all(Array.from({ length: 20 }, get))
  for (const { coding, headers, body } of answers) {
    expect(coding).toBe('gzip')
    expect(headers.get('vary')).toContain('accept-encoding')
    expect(headers.getSetCookie()).toHaveLength(1)
    expect(gunzipSync(body).toString()).toContain('data-state="sign-in"')
  }
  expect(new Set(answers.map(({ body }) => body.length)).size).toBeGreaterThan(5)
})

it('also compresses error pages', async () => {
  const answer = await (await opened('/agent/auth?request_token=unknown', 'gzip'))()
  expect(answer).toMatchObject({ status: 400, coding: 'gzip' })
  expect(gunzipSync(answer.body).toString()).toContain('data-error-code="request_unknown"')
})

it.each(['', 'br', 'gzip;q=0', 'gzip; q=0.0, br'])(
  'does not compress for clients that accept "%s"',
  async (codings) => {
    const { coding, body } = await (await opened('/account/sign-in', codings))()
    expect(coding).toBeNull()
    expect(body.toString()).toContain('data-state="sign-in"')
  },
)

it('compresses page assets, with a separate ETag', async () => {
  const plain = await (await opened('/assets/pages.css', ''))()
  const gzip = await (await opened('/assets/pages.css', 'gzip'))()
  expect(gunzipSync(gzip.body)).toEqual(plain.body)
  expect(gzip.headers.get('vary')).toBe('accept-encoding')
  const etag = gzip.headers.get('etag') ?? ''
  expect(etag).not.toBe(plain.headers.get('etag'))
  expect(await (await opened('/assets/pages.css', 'gzip', { 'if-none-match': etag }))()).toMatchObject({ status: 304 })
  expect(await (await opened('/assets/pages.css', '', { 'if-none-match': etag }))()).toMatchObject({ status: 200 })
})
