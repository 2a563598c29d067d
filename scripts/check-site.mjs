import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { extname, join, resolve } from 'node:path'
import { chromium } from 'playwright-core'

/**
 * Checks the documentation site that `npm run docs` built: every link with an anchor leads to one, and axe-core finds nothing on three of
 * its pages, in light and dark, on a screen that is 390 px wide.
 */
const site = resolve('site/.vitepress/dist')
if (!existsSync(site)) throw new Error('The site is missing. Build it with: npm run docs')
const failures = []
const files = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
const pages = new Map(files.map((name) => [`/${name}`, readFileSync(join(site, name), 'utf8')]))
const ids = new Map(
  [...pages].map(([name, html]) => [name, new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))]),
)

for (const [name, html] of pages)
  for (const [, href] of html.matchAll(/<a [^>]*href="([^"]*#[^"]+)"/g)) {
    const { origin, pathname, hash } = new URL(href, `http://site${name}`)
    if (origin !== 'http://site') continue
    const found = ids.get(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    if (!found?.has(decodeURIComponent(hash.slice(1)))) failures.push(`${name} links to ${href}, which does not exist`)
  }

const types = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://site')
  const path = join(site, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
  if (!path.startsWith(site) || !existsSync(path)) return response.writeHead(404).end()
  response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream')
  response.end(readFileSync(path))
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const origin = `http://127.0.0.1:${server.address().port}`

const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
try {
  for (const colorScheme of ['light', 'dark'])
    for (const path of ['/', '/introduction/compare.html', '/get-started/first-agent.html']) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 844 } })
      const page = await context.newPage()
      page.on('pageerror', (error) => failures.push(`${path}: ${error.message}`))
      await page.addInitScript(axe)
      const loaded = await page.goto(`${origin}${path}`, { waitUntil: 'networkidle' })
      if (!loaded.ok()) throw new Error(`${path} is missing: build the site with npm run docs`)
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      if (width > 390) failures.push(`${path} is ${width} px wide on a screen of 390 px`)
      const { violations } = await page.evaluate(`axe.run({ resultTypes: ['violations'] })`)
      for (const { id, nodes } of violations)
        failures.push(`${path}, ${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      await context.close()
    }
} finally {
  await browser.close()
  server.close()
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
if (failures.length === 0) process.stdout.write(`${pages.size} pages: every anchor exists, and axe finds nothing\n`)
process.exitCode = failures.length === 0 ? 0 : 1
