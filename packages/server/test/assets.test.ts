import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openMapStage, type Stage } from './attacks/stage.js'

async function opened(): Promise<Stage> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  return stage
}

const get = ({ fetch, authServer }: Stage, path: string, headers: Record<string, string> = {}) =>
  fetch(new Request(authServer + path, { headers }))

/** The assets that a page loads. */
async function assetsOf(stage: Stage): Promise<string[]> {
  const html = await (await get(stage, '/account/signed-in-nowhere')).text()
  return [...html.matchAll(/(?:href|src)="(\/assets\/[^"]*)"/g)].map(([, path = '']) => path)
}

describe('page assets', () => {
  it('have names that change with their content, under which browsers cache them forever', async () => {
    const stage = await opened()
    const paths = await assetsOf(stage)
    expect(paths.map((path) => path.replace(/\.[0-9a-f]{12}\./, '.'))).toEqual([
      '/assets/icon.svg',
      '/assets/apple-touch-icon.png',
      '/assets/pages.css',
      '/assets/pages.js',
      '/assets/icon.svg',
    ])
    for (const path of paths) {
      const response = await get(stage, path)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      const hash = createHash('sha256')
        .update(await response.bytes())
        .digest('hex')
      expect(response.headers.get('vary'), path).toBe(path.endsWith('.png') ? null : 'accept-encoding')
      expect(path).toContain(`.${hash.slice(0, 12)}.`)
    }
  })

  it.each(['/assets/pages.css', '/assets/pages.0123456789ab.css', '/assets/account.css', '/favicon.ico'])(
    '%s is the current version, revalidated each time',
    async (path) => {
      const stage = await opened()
      const response = await get(stage, path)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('public, no-cache')
      const etag = response.headers.get('etag') ?? ''
      expect(etag).toMatch(/^"[0-9a-f]{12}"$/)
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const again = await get(stage, path, { 'if-none-match': known })
        expect(again.status, known).toBe(304)
        expect(again.headers.get('etag')).toBe(etag)
        expect(await again.text()).toBe('')
      }
      for (const known of ['"x"', etag.slice(1), '']) {
        expect((await get(stage, path, { 'if-none-match': known })).status, known).toBe(200)
      }
    },
  )

  it.each([
    '/assets/',
    '/assets/nothing.css',
    '/assets/pages.css.map',
    '/assets/pages.0123.css',
    '/assets/pages.undefined.css',
    '/assets/..%2Fpackage.json',
    '/assets/toString',
    '/assets/__proto__.css',
  ])('%s is not a page', async (path) => {
    expect((await get(await opened(), path)).status).toBe(404)
  })

  it('include icons where browsers look for them by default', async () => {
    const stage = await opened()
    const favicon = await get(stage, '/favicon.ico')
    expect(favicon.headers.get('content-type')).toBe('image/x-icon')
    const ico = Buffer.from(await favicon.bytes())
    expect([ico.readUInt16LE(0), ico.readUInt16LE(2)]).toEqual([0, 1])
    const sizes = Array.from({ length: ico.readUInt16LE(4) }, (_, index) => {
      const at = 6 + 16 * index
      const png = ico.subarray(ico.readUInt32LE(at + 12), ico.readUInt32LE(at + 12) + ico.readUInt32LE(at + 8))
      expect(png.subarray(1, 4).toString()).toBe('PNG')
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([ico.readUInt8(at), ico.readUInt8(at + 1)])
      return ico.readUInt8(at)
    })
    expect(sizes).toEqual([16, 32, 48])
    const touch = await get(stage, '/apple-touch-icon.png')
    expect(touch.headers.get('content-type')).toBe('image/png')
    const png = Buffer.from(await touch.bytes())
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([180, 180])
  })
})

it('serves a style sheet as written, except for comments and white space', async () => {
  const stage = await opened()
  const words = (css: string) =>
    css
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .split(/\s*([{};])\s*|\s+/)
      .filter(Boolean)
  for (const name of ['pages.css', 'account.css']) {
    const written = readFileSync(new URL(`../assets/${name}`, import.meta.url), 'utf8')
    const served = await (await get(stage, `/assets/${name}`)).text()
    expect(words(served)).toEqual(words(written))
    expect(served.length).toBeLessThan(written.length)
  }
})

it('declares a page’s color for light and dark mode', async () => {
  const html = await (await get(await opened(), '/account/sign-in')).text()
  const css = readFileSync(new URL('../assets/pages.css', import.meta.url), 'utf8')
  const papers = [...css.matchAll(/--paper: (#[0-9a-f]{6});/g)].map(([, colour]) => colour)
  const told = [...html.matchAll(/<meta name="theme-color" content="([^"]*)" media="\(prefers-color-scheme: (\w+)\)"/g)]
  expect(told.map(([, colour, scheme]) => [colour, scheme])).toEqual([
    [papers[0], 'light'],
    [papers[1], 'dark'],
  ])
})
