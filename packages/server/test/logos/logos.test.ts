import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startServer } from '../../../countersign/test/discovery/loopback-server.js'
import { simulatePublicNetwork } from '../../../countersign/test/discovery/public-network.js'
import { temporaryFile } from '../storage/temporary-file.js'
import { chunksOf, plainPng, readImage } from './images.js'
import { fetchesEnd, type LogoStage, logoOn, openLogoStage, picture } from './logo-stage.js'

const logo = readImage('rgba.png')
const otherLogo = readImage('cmyk.jpg')
const good = () => picture(logo)
/** Compressed beforehand: that takes almost as long as a logo may take to arrive. */
const bomb = plainPng(30_000, 30_000)
const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
const patience = { timeout: 30_000 }
const html = '<!DOCTYPE html><script>alert(1)</script>'

describe('a logo', () => {
  it.each([
    ['in memory', undefined],
    ['in a file', (now: () => number) => sqliteStorage(temporaryFile(), { now, sweepInterval: 0 })],
  ])('is served from this server, as an image and nothing else (%s)', async (_name, makeStorage) => {
    const stage = await openLogoStage({ answer: good }, makeStorage ? { makeStorage } : {})
    const url = await stage.request()
    await fetchesEnd(stage)
    const page = await stage.open(url)
    const path = logoOn(page)
    expect(path).toMatch(/^\/agents\/logos\/[\w-]{43}$/)
    expect(page).toContain('We haven’t checked its name or logo, or who runs it.')
    const served = await fetch(stage.issuer + path)
    expect(served.status).toBe(200)
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'image/png',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect(served.headers.has('set-cookie')).toBe(false)
    const image = await served.bytes()
    const style = await (await fetch(`${stage.issuer}/assets/pages.css`)).bytes()
    expect(Buffer.byteLength(page) + style.length + image.length).toBeLessThanOrEqual(30_000)
    expect(chunksOf(image).map(({ name }) => name)).toEqual(['IHDR', 'IDAT', 'IEND'])
    expect((await fetch(stage.issuer + path, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${stage.issuer}/agents/logos/${'a'.repeat(43)}`)).status).toBe(404)
    expect(stage.failures).toEqual([])
  })

  it('does not delay anything: the request succeeds and the page is shown before the logo is fetched', async () => {
    let answer: (response: Response) => void = () => undefined
    const late = new Promise<Response>((resolve) => {
      answer = resolve
    })
    const stage = await openLogoStage({ answer: () => late })
    const url = await stage.request()
    expect(logoOn(await stage.open(url))).toBeUndefined()
    answer(good())
    await fetchesEnd(stage)
    expect(logoOn(await stage.open(url))).toBeDefined()
  })

  it('is fetched one at a time, so that a server that never responds delays nothing else', async () => {
    const stage = await openLogoStage({ answer: () => new Promise(() => undefined) })
    // A fetch that takes too long would be given up, and the next one would start.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    for (const round of [1, 2, 3]) {
      stage.agentSays.logoUri = `${stage.agent}/logo-${round}`
      // The agent’s document and keys are fetched again each time.
      stage.clock.now += 400
      expect(logoOn(await stage.open(await stage.request()))).toBeUndefined()
    }
    expect(stage.asked).toEqual(['/logo-1'])
  })

  it('is shown next to the agent in My agents', async () => {
    const stage = await openLogoStage({ answer: good })
    const url = await stage.request()
    await fetchesEnd(stage)
    const page = await stage.open(url)
    await stage.post(page, url, { consent: 'grant' })
    const list = await stage.account()
    expect(logoOn(list)).toBe(logoOn(page))
    const [, id] = /href="\/account(\/agents\/[^"/]*)"/.exec(list) ?? []
    expect(logoOn(await stage.account(id))).toBe(logoOn(page))
  })

  it('is fetched once for many requests, and again after a day or from another address', async () => {
    const stage = await openLogoStage({ answer: good })
    await Promise.all(Array.from({ length: 5 }, () => stage.request()))
    await fetchesEnd(stage)
    stage.clock.now += 3600
    await stage.request()
    expect(stage.asked).toEqual(['/logo'])
    stage.clock.now += 86_400
    stage.agentSays.answer = () => picture(otherLogo)
    const url = await stage.request()
    await fetchesEnd(stage, 2)
    expect(logoOn(await stage.open(url))).toBe(`/agents/logos/${stage.kept[1]}`)
    expect(stage.kept[1]).not.toBe(stage.kept[0])
    expect((await fetch(`${stage.issuer}/agents/logos/${stage.kept[0]}`)).status).toBe(404)
    stage.agentSays.logoUri += '-2'
    stage.agentSays.answer = good
    stage.clock.now += 400
    await stage.request()
    await fetchesEnd(stage, 3)
    expect(stage.asked).toEqual(['/logo', '/logo', '/logo-2'])
    expect(stage.kept[2]).toBe(stage.kept[0])
  })

  it('is not fetched after the server closes, so that the storage can close too', async () => {
    const stage = await openLogoStage({ answer: good })
    await stage.request()
    await stage.server.close()
    await stage.storage.close()
    // Enough time for work that had already started.
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(stage.failures).toEqual([])
  })

  it('is removed when the agent no longer names a logo', async () => {
    const stage = await openLogoStage({ answer: good })
    await stage.request()
    await fetchesEnd(stage)
    stage.agentSays.logoUri = undefined
    stage.clock.now += 400
    const url = await stage.request()
    await vi.waitFor(async () => expect((await stage.storage.findLogos([stage.agent])).size).toBe(0), patience)
    expect(logoOn(await stage.open(url))).toBeUndefined()
    expect((await fetch(`${stage.issuer}/agents/logos/${stage.kept[0]}`)).status).toBe(404)
  })

  it('stays unchanged while the agent’s server fails', async () => {
    const stage = await openLogoStage({ answer: good })
    await stage.request()
    await fetchesEnd(stage)
    stage.clock.now += 86_400
    stage.agentSays.answer = () => new Response(null, { status: 503 })
    const url = await stage.request()
    await vi.waitFor(() => expect(stage.asked).toHaveLength(2), patience)
    expect(logoOn(await stage.open(url))).toBe(`/agents/logos/${stage.kept[0]}`)
  })

  it('is retried after ten minutes if the first fetch failed', async () => {
    const stage = await openLogoStage({})
    await stage.request()
    await fetchesEnd(stage)
    expect(stage.kept).toEqual([null])
    stage.agentSays.answer = good
    stage.clock.now += 599
    await stage.request()
    expect(stage.asked).toHaveLength(1)
    stage.clock.now += 1
    await stage.request()
    await fetchesEnd(stage, 2)
    expect(stage.kept[1]).not.toBeNull()
  })

  it('is not fetched, shown or served if pages have no logos', async () => {
    const storages = [
      await openLogoStage({ answer: good }),
      await openLogoStage({ answer: good }, { pages: { logos: false } }),
    ]
    for (const stage of storages) await stage.request()
    const [on, off] = storages as [(typeof storages)[0], (typeof storages)[0]]
    await fetchesEnd(on)
    const { storage, agent } = off
    await storage.claimLogo({ agent, uri: 'https://cdn.example/', maxAge: 1, retryAfter: 1 })
    await storage.keepLogo({ agent, uri: 'https://cdn.example/', logo: { id: 'kept-before', image: logo } })
    expect(logoOn(await off.open(await off.request()))).toBeUndefined()
    expect((await fetch(`${off.issuer}/agents/logos/kept-before`)).status).toBe(404)
    expect([on.asked, off.asked]).toEqual([['/logo'], []])
  })
})

describe('K31: a logo_uri that returns', () => {
  it.each([
    ['an SVG with a script', () => new Response(svg, { headers: { 'content-type': 'image/svg+xml' } })],
    ['an SVG labeled as a PNG', () => new Response(svg, { headers: { 'content-type': 'image/png' } })],
    ['a page labeled as a PNG', () => new Response(html, { headers: { 'content-type': 'image/png' } })],
    ['a GIF', () => picture(readImage('animated.gif'), 'image/gif')],
    ['a truncated PNG', () => picture(logo.slice(0, 300))],
    ['a PNG of 30,000 × 30,000 pixels', () => picture(bomb)],
    [
      'a PNG of 256 KiB and one byte',
      () => picture(new Uint8Array([...logo, ...new Uint8Array(262_145 - logo.length)])),
    ],
    ['a compressed PNG', () => new Response(logo, { headers: { 'content-encoding': 'gzip' } })],
    ['nothing', () => new Response('')],
    ['404', () => new Response(logo, { status: 404 })],
  ])('%s is refused: a letter is shown for the agent', async (_what, answer) => {
    const stage = await openLogoStage({ answer })
    const url = await stage.request()
    await fetchesEnd(stage)
    expect(stage.kept).toEqual([null])
    const page = await stage.open(url)
    expect(logoOn(page)).toBeUndefined()
    expect(page).toContain('We haven’t checked its name, or who runs it.')
    expect(stage.failures).toEqual([])
  })

  it('50 MB is aborted at 256 KiB', async () => {
    let sent = 0
    const chunk = new Uint8Array(65_536)
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += chunk.length
            controller.enqueue(chunk)
            if (sent >= 50_000_000) controller.close()
          },
        }),
      )
    const stage = await openLogoStage({ answer: endless })
    await stage.request()
    await fetchesEnd(stage)
    expect(stage.kept).toEqual([null])
    expect(sent).toBeLessThan(10_000_000)
  })

  it('an image with a page appended is shown without the page', async () => {
    const stage = await openLogoStage({ answer: () => picture(new Uint8Array([...logo, ...Buffer.from(html)])) })
    const path = logoOn(await afterFetch(stage))
    const served = await (await fetch(stage.issuer + path)).bytes()
    expect(Buffer.from(served).includes('script')).toBe(false)
  })

  it.each([301, 302, 307, 308])('a redirect (%i) to a private host is not followed', async (status) => {
    const canary = await startServer((_request, response) => response.writeHead(200).end(logo))
    const location = `${canary.origin}/logo`
    const stage = await openLogoStage({ answer: () => new Response(null, { status, headers: { location } }) })
    expect(logoOn(await afterFetch(stage))).toBeUndefined()
    expect(canary.connections()).toBe(0)
  })

  it.each([
    'data:image/png;base64,iVBORw0KGgo=',
    'file:///etc/passwd',
    'ftp://agent.example/logo.png',
    'gopher://agent.example/logo.png',
    'javascript:alert(1)',
    'http://agent.example/logo.png',
    'https://10.0.0.1/logo.png',
    'https://169.254.169.254/logo.png',
    'https://2130706433/logo.png',
    'https://[::1]/logo.png',
    'https://user@agent.example/logo.png',
    '//agent.example/logo.png',
    '/logo.png',
  ])('K12: %s is not fetched', async (logoUri) => {
    const stage = await openLogoStage({ answer: good })
    const network = simulatePublicNetwork({ 'agent.example': [['8.8.8.8']] }, 9)
    expect(logoOn(await afterFetch(stage))).toBeDefined()
    stage.agentSays.logoUri = logoUri
    stage.clock.now += 400
    const url = await stage.request()
    await vi.waitFor(async () => expect((await stage.storage.findLogos([stage.agent])).size).toBe(0), patience)
    expect(logoOn(await stage.open(url))).toBeUndefined()
    expect(stage.asked).toEqual(['/logo'])
    expect(network).toMatchObject({ resolved: [], connected: [] })
  })

  it.each(['10.0.0.1', '127.0.0.1', '169.254.169.254', '8.8.8.8 10.0.0.1', 'fd00::1'])(
    'K12: nothing is fetched if the name resolves to %s',
    async (addresses) => {
      const canary = await startServer((_request, response) => response.writeHead(200).end(logo))
      const names = { 'public.example': [['8.8.8.8']], 'private.example': [addresses.split(' ')] }
      const stage = await openLogoStage({ logoUri: 'https://public.example/logo.png' })
      const network = simulatePublicNetwork(names, canary.port)
      await stage.request()
      await vi.waitFor(() => expect(network.connected).toEqual(['8.8.8.8']), patience)
      await vi.waitFor(() => expect(canary.connections()).toBe(1), patience)
      stage.agentSays.logoUri = 'https://private.example/logo.png'
      stage.clock.now += 400
      const url = await stage.request()
      await vi.waitFor(() => expect(network.resolved).toEqual(['public.example', 'private.example']), patience)
      expect(logoOn(await stage.open(url))).toBeUndefined()
      expect(network.connected).toEqual(['8.8.8.8'])
      expect(canary.connections()).toBe(1)
    },
  )

  it('this server’s own address is not fetched', async () => {
    const stage = await openLogoStage({ answer: good })
    expect(logoOn(await afterFetch(stage))).toBeDefined()
    const own = vi.spyOn(stage.storage, 'claimLogo')
    stage.agentSays.logoUri = `${stage.issuer}/assets/pages.css`
    stage.clock.now += 400
    await stage.request()
    await vi.waitFor(async () => expect((await stage.storage.findLogos([stage.agent])).size).toBe(0), patience)
    expect(own).not.toHaveBeenCalled()
  })
})

/** The consent page of a request, after its logo was fetched or skipped. */
async function afterFetch(stage: LogoStage): Promise<string> {
  const url = await stage.request()
  await fetchesEnd(stage)
  return stage.open(url)
}
