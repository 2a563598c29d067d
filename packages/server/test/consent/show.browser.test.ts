import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { comesFromAgent } from '../../src/consent/show.js'
import { hasChromium, openChromium } from '../chromium.js'
import { listenOnLoopback } from '../listening-origin.js'

interface Scene {
  page: Page
  agent: string
  other: string
  server: string
}

interface Case {
  claim: string
  /** What the agent's page returns. */
  policy?: string
  go: (scene: Scene) => Promise<unknown>
  counts: boolean
}

const follow = async ({ page, agent }: Scene, selector: string) => {
  await page.goto(`${agent}/`)
  await page.click(selector)
}

const cases: readonly Case[] = [
  { claim: 'a link on the agent’s page', go: (scene) => follow(scene, '#link'), counts: true },
  { claim: 'a form of the agent that responds with a redirect', go: (scene) => follow(scene, '#form'), counts: true },
  { claim: 'a link to a path of the agent that redirects', go: (scene) => follow(scene, '#start'), counts: true },
  { claim: 'a script of the agent', go: (scene) => follow(scene, '#script'), counts: true },
  ...['origin', 'strict-origin-when-cross-origin', 'unsafe-url', 'no-referrer-when-downgrade'].map((policy) => ({
    claim: `a page with Referrer-Policy ${policy}`,
    policy,
    go: (scene: Scene) => follow(scene, '#link'),
    counts: true,
  })),
  ...['no-referrer', 'same-origin'].map((policy) => ({
    claim: `a page with Referrer-Policy ${policy}`,
    policy,
    go: (scene: Scene) => follow(scene, '#start'),
    counts: false,
  })),
  { claim: 'a link that hides its origin', go: (scene) => follow(scene, '#hidden'), counts: false },
  { claim: 'an address that was typed or sent', go: ({ page, server }) => page.goto(server), counts: false },
  {
    claim: 'an address of the agent that was typed or sent, and redirects',
    go: ({ page, agent }) => page.goto(`${agent}/start`),
    counts: false,
  },
  {
    claim: 'another site that leads to a redirect of the agent',
    go: async ({ page, other }) => {
      await page.goto(`${other}/`)
      await page.click('a')
    },
    counts: false,
  },
  ...[
    { policy: 'strict-origin-when-cross-origin', counts: true },
    { policy: 'same-origin', counts: false },
  ].map(({ policy, counts }) => ({
    claim: `a link to a redirect of this server with Referrer-Policy ${policy}`,
    go: (scene: Scene) => follow(scene, `#${policy}`),
    counts,
  })),
  { claim: 'a frame on the agent’s page', go: ({ page, agent }) => page.goto(`${agent}/framed`), counts: false },
]

describe.skipIf(!hasChromium())('Chromium’s report of where a user comes from', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await openChromium()
  })
  afterAll(() => browser?.close())

  it.each(cases.map((each) => [each.claim, each.counts, each] as const))(
    '%s counts: %s',
    async (_claim, counts, { policy, go }) => {
      const [agent, other, server] = await Promise.all([listenOnLoopback(), listenOnLoopback(), listenOnLoopback()])
      const page = await browser.newPage()
      onTestFinished(async () => {
        await page.close()
        await Promise.all([agent.close(), other.close(), server.close()])
      })
      // A site other than the agent’s, which is at 127.0.0.1.
      const there = server.origin.replace('127.0.0.1', 'localhost')
      const html = (text: string) =>
        new Response(`<!DOCTYPE html>${text}`, {
          headers: { 'content-type': 'text/html', ...(policy === undefined ? {} : { 'referrer-policy': policy }) },
        })
      const arrived = new Promise<boolean>((resolve) => {
        server.serve(async (request) => {
          const { pathname } = new URL(request.url)
          if (pathname.startsWith('/redirect/'))
            return new Response(null, {
              status: 303,
              headers: { location: '/', 'referrer-policy': pathname.slice(10) },
            })
          if (pathname === '/') resolve(comesFromAgent(request, agent.origin))
          return html('here')
        })
      })
      agent.serve(async (request) => {
        const { pathname } = new URL(request.url)
        if (pathname === '/start') return new Response(null, { status: 303, headers: { location: there } })
        if (pathname === '/framed') return html(`<iframe src="${there}"></iframe>`)
        return html(
          `<a id="link" href="${there}">x</a> <a id="start" href="/start">x</a> ` +
            `<a id="hidden" href="${there}" rel="noreferrer">x</a> ` +
            '<form method="post" action="/start"><button id="form">x</button></form> ' +
            ['strict-origin-when-cross-origin', 'same-origin']
              .map((each) => `<a id="${each}" href="${there}/redirect/${each}">x</a> `)
              .join('') +
            `<button id="script" onclick="location = '${there}'">x</button>`,
        )
      })
      other.serve(async () => html(`<a href="${agent.origin}/start">x</a>`))
      await go({ page, agent: agent.origin, other: other.origin, server: there })
      expect(await arrived).toBe(counts)
    },
  )
})
