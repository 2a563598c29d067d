import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { badgeShare, brandColorProblem, brandGrounds, contrast, mixed, readLogo } from '../../src/pages/check-brand.js'
import { openMapStage } from '../attacks/stage.js'
import { configurationFolder } from '../config/configuration-folder.js'

const svg = '<?xml version="1.0"?>\n<!-- ours -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
const png = Buffer.from('89504e470d0a1a0a0000', 'hex').toString('latin1')

describe('the contrast of two colors', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#767676', '#ffffff', 4.54],
    ['#ff0000', '#ffffff', 4],
    ['#0a0a0a', '#000000', 1.06],
  ])('of %s and %s is %d', (one, other, ratio) => {
    expect(contrast(one, other)).toBeCloseTo(ratio, 2)
    expect(contrast(other, one)).toBe(contrast(one, other))
  })
})

describe('a brand color', () => {
  const css = readFileSync(new URL('../../assets/pages.css', import.meta.url), 'utf8')
  const valuesOf = (name: string) =>
    [...css.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6});`, 'g'))].map(([, it]) => it)

  it.each(['light', 'dark'] as const)('is checked against the colors of the style sheet in %s mode', (scheme) => {
    const index = scheme === 'light' ? 0 : 1
    const used = ['button-ink', 'sheet', 'raised', 'paper'].map((name) => valuesOf(name)[index])
    expect(new Set(brandGrounds[scheme])).toEqual(new Set(used))
    expect(brandColorProblem(valuesOf('seal')[index] ?? '', scheme)).toBeUndefined()
  })

  it.each([
    [
      '#5fa8ff',
      'light',
      'has a contrast of 2.21:1 with #f4f3ef in light mode, and 4.5:1 is required: choose a darker color',
    ],
    [
      '#1a5fd6',
      'dark',
      'has a contrast of 2.66:1 with #17253d in dark mode, and 4.5:1 is required: choose a lighter color',
    ],
    [
      '#FFFFFF',
      'light',
      'has a contrast of 1:1 with #ffffff in light mode, and 4.5:1 is required: choose a darker color',
    ],
  ] as const)('%s is refused in %s mode', (color, scheme, problem) => {
    expect(brandColorProblem(color, scheme)).toBe(problem)
  })

  it('is readable on its badges', () => {
    for (const [color, scheme, sheet] of [
      ['#1a5fd6', 'light', '#ffffff'],
      ['#8bb6ff', 'dark', '#171c24'],
    ] as const) {
      expect(brandColorProblem(color, scheme)).toBeUndefined()
      expect(contrast(color, mixed(color, sheet, badgeShare[scheme]))).toBeGreaterThanOrEqual(4.5)
    }
  })
})

describe('a logo', () => {
  it.each([
    ['logo.svg', svg, 'image/svg+xml; charset=utf-8'],
    ['logo.png', png, 'image/png'],
    ['an SVG file with another name', '\uFEFF <svg viewBox="0 0 1 1"></svg>', 'image/svg+xml; charset=utf-8'],
  ])('is read from %s', (name, content, type) => {
    const path = configurationFolder().write(name, '')
    writeFileSync(path, content, name.endsWith('.png') ? 'latin1' : 'utf8')
    expect(readLogo(path)).toMatchObject({ type })
  })

  it.each([
    ['a page', '<!doctype html><svg></svg>', 'is neither an SVG nor a PNG image'],
    [
      'a large image',
      `<svg>${' '.repeat(65_536)}</svg>`,
      'has 65547 bytes, and 65536 are allowed: choose a smaller image',
    ],
  ])('is not read from %s', (_, content, problem) => {
    const path = configurationFolder().write('logo.svg', content)
    expect(readLogo(path)).toEqual({ problem: `${path} ${problem}` })
  })

  it('is not read from a file that does not exist, or a folder', () => {
    const { path } = configurationFolder()
    expect(readLogo(`${path}/logo.svg`)).toEqual({ problem: `there is no file ${path}/logo.svg` })
    expect(readLogo(path)).toEqual({ problem: `${path} cannot be read (EISDIR)` })
  })
})

describe('the pages of a server with a brand', () => {
  it('show the logo, and load the colors after the style sheet', async () => {
    const logo = configurationFolder().write('logo.svg', svg)
    const stage = await openMapStage({ pages: { logo, colors: { light: '#1a5fd6', dark: '#8bb6ff' } } })
    onTestFinished(() => stage.close())
    const get = (path: string) => stage.fetch(new Request(stage.authServer + path))
    const html = await (await get('/account/sign-in')).text()
    const [image] = /(?<=<img class="brand" src=")[^"]*/.exec(html) ?? []
    expect(image).toMatch(/^\/assets\/logo\.[0-9a-f]{12}\.svg$/)
    const served = await get(image ?? '')
    expect(await served.text()).toBe(svg)
    expect(served.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8')
    expect(served.headers.get('content-security-policy')).toContain('sandbox')
    expect(served.headers.get('cache-control')).toContain('immutable')
    const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]*)"/g)].map(([, href = '']) => href)
    expect(sheets.at(-1)).toMatch(/^\/assets\/brand\.[0-9a-f]{12}\.css$/)
    const css = await (await get(sheets.at(-1) ?? '')).text()
    expect(css).toContain('@media (prefers-color-scheme: light){:root{--seal:#1a5fd6;')
    expect(css).toContain('@media (prefers-color-scheme: dark){:root{--seal:#8bb6ff;')
  })

  it('have one color without the other', async () => {
    const stage = await openMapStage({ pages: { colors: { dark: '#8bb6ff' } } })
    onTestFinished(() => stage.close())
    const css = await (await stage.fetch(new Request(`${stage.authServer}/assets/brand.css`))).text()
    expect(css).not.toContain('light')
    expect(css).toContain('--button:#8bb6ff')
  })

  it('need a logo that can be used', async () => {
    await expect(openMapStage({ pages: { logo: '/no/logo.svg' } })).rejects.toThrow(
      'createAuthServer: pages.logo: there is no file /no/logo.svg',
    )
  })
})
