import { expect, it } from 'vitest'
import { logoPaths, showAsset, showLogo } from '../../src/http/assets.js'

type Context = Parameters<typeof showLogo>[0]

const image = new Uint8Array([1, 2, 3])
const contextOf = (changes: object = {}) =>
  ({
    logos: {},
    storage: {
      readLogo: async (id: string) => (id === 'known' ? image : undefined),
      findLogos: async (agents: readonly string[]) => new Map(agents.map((agent, index) => [agent, `id-${index}`])),
    },
    ...changes,
  }) as unknown as Context

it('serves a logo as an image, whatever it is, for a year', async () => {
  const response = await showLogo(contextOf(), 'known')
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'image/png',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(image)
  await expect(showLogo(contextOf(), 'unknown')).rejects.toMatchObject({ code: 'not_found' })
  await expect(showLogo(contextOf({ logos: undefined }), 'known')).rejects.toMatchObject({ code: 'not_found' })
})

it('names the logo of each agent once, if pages show them', async () => {
  expect(await logoPaths(contextOf(), ['a', 'b', 'a'])).toEqual(
    new Map([
      ['a', '/agents/logos/id-0'],
      ['b', '/agents/logos/id-1'],
    ]),
  )
  expect(await logoPaths(contextOf({ logos: undefined }), ['a'])).toEqual(new Map())
})

const css = { type: 'text/css', hash: 'h', body: Buffer.from('body'), gzip: Buffer.from('zip') }
const svg = { type: 'image/svg+xml', hash: 'h', body: Buffer.from('body'), gzip: undefined }

it.each<[string, object, boolean, Record<string, string>, object, string]>([
  [
    'as it is',
    css,
    true,
    {},
    { 'cache-control': 'public, max-age=31536000, immutable', etag: '"h"', vary: 'accept-encoding' },
    'body',
  ],
  [
    'compressed',
    css,
    false,
    { 'accept-encoding': 'gzip' },
    { 'cache-control': 'public, no-cache', etag: '"h-gzip"', 'content-encoding': 'gzip' },
    'zip',
  ],
  [
    'as an image',
    svg,
    true,
    { 'accept-encoding': 'gzip' },
    { etag: '"h"', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox" },
    'body',
  ],
  ['not again', css, true, { 'if-none-match': '"x" , W/"h"' }, { etag: '"h"' }, ''],
  ['not again, whatever it is', css, true, { 'if-none-match': '*' }, { etag: '"h"' }, ''],
  ['again if it changed', css, true, { 'if-none-match': '"h-gzip"' }, { etag: '"h"' }, 'body'],
])('serves an asset %s', async (_how, asset, current, sent, expected, text) => {
  const brand = { findAsset: () => ({ asset, current }) }
  const request = new Request('https://auth.example/assets/x', { headers: sent })
  const response = await showAsset(contextOf({ brand }), request, 'x')
  expect(Object.fromEntries(response.headers)).toMatchObject({ 'x-content-type-options': 'nosniff', ...expected })
  expect([response.status, await response.text()]).toEqual([text === '' ? 304 : 200, text])
  for (const name of ['content-encoding', 'vary', 'content-security-policy'])
    expect(response.headers.has(name), name).toBe(
      { 'content-encoding': text === 'zip', vary: asset === css, 'content-security-policy': asset === svg }[name],
    )
})

it('serves no asset that does not exist', async () => {
  const brand = { findAsset: () => undefined }
  await expect(showAsset(contextOf({ brand }), new Request('https://auth.example/'), 'x')).rejects.toMatchObject({
    code: 'not_found',
  })
})
