// Renders packages/server/assets/icon.svg to the formats that cannot be vector graphics: favicon.ico and apple-touch-icon.png. Run it after
// changing the icon: node scripts/make-icons.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const assets = new URL('../packages/server/assets/', import.meta.url)
const svg = readFileSync(new URL('icon.svg', assets), 'utf8')
const sizes = [16, 32, 48]

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage()

async function draw(drawing, size) {
  await page.setViewportSize({ width: size, height: size })
  const style = 'html,body{margin:0;background:none}svg{display:block;width:100vw;height:100vh}'
  await page.setContent(`<!DOCTYPE html><style>${style}</style>${drawing}`)
  return page.screenshot({ omitBackground: true })
}

/** PNG images, preceded by the directory that an ICO file begins with. */
function ico(pictures) {
  const head = Buffer.alloc(6 + 16 * pictures.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(pictures.length, 4)
  let offset = head.length
  for (const [index, { size, png }] of pictures.entries()) {
    const at = 6 + 16 * index
    head.writeUInt8(size, at)
    head.writeUInt8(size, at + 1)
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(png.length, at + 8)
    head.writeUInt32LE(offset, at + 12)
    offset += png.length
  }
  return Buffer.concat([head, ...pictures.map(({ png }) => png)])
}

const pictures = []
for (const size of sizes) pictures.push({ size, png: await draw(svg, size) })
writeFileSync(new URL('favicon.ico', assets), ico(pictures))
// Phones round the corners themselves, and show black where an image is transparent.
writeFileSync(new URL('apple-touch-icon.png', assets), await draw(svg.replace(' rx="6"', ''), 180))
await browser.close()
