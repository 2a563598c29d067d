import { readFileSync } from 'node:fs'

/** Light or dark mode. */
export type Scheme = 'light' | 'dark'

/**
 * What a brand color is seen against in each mode, as in `pages.css`: the page, its sheet and its boxes behind text in the color, and the
 * text on a button that has the color.
 */
export const brandGrounds: Readonly<Record<Scheme, readonly string[]>> = {
  light: ['#ffffff', '#f8f7f4', '#f4f3ef'],
  dark: ['#141a22', '#171c24', '#1d242e', '#0e1217'],
}

/** The share of the brand color in the background of its badges. */
export const badgeShare: Readonly<Record<Scheme, number>> = { light: 0.1, dark: 0.14 }

const sheets: Readonly<Record<Scheme, string>> = { light: '#ffffff', dark: '#171c24' }

/** The contrast that text needs (WCAG 2.2, 1.4.3). */
const LEAST_CONTRAST = 4.5

/** Returns why a color, as `#rrggbb`, cannot be the brand color in a mode; undefined if it can. */
export function brandColorProblem(color: string, scheme: Scheme): string | undefined {
  const grounds = [...brandGrounds[scheme], mixed(color, sheets[scheme], badgeShare[scheme])]
  const ratios = grounds.map((ground) => ({ ground, ratio: contrast(color, ground) }))
  const { ground, ratio } = ratios.reduce((least, each) => (each.ratio < least.ratio ? each : least))
  if (ratio >= LEAST_CONTRAST) return undefined
  const shown = Math.floor(ratio * 100) / 100
  const way = scheme === 'light' ? 'darker' : 'lighter'
  return `has a contrast of ${shown}:1 with ${ground} in ${scheme} mode, and ${LEAST_CONTRAST}:1 is required: choose a ${way} color`
}

/** Returns the contrast of two colors, from 1 to 21 (WCAG 2.2). */
export function contrast(one: string, other: string): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((channel) => {
    const value = channel / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
}

/** Returns the color that results if a share of one color is mixed into another. */
export function mixed(color: string, into: string, share: number): string {
  const other = channels(into)
  const mix = channels(color).map((value, index) => Math.round(share * value + (1 - share) * (other[index] ?? 0)))
  return `#${mix.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

/** An image, as it is served. */
export interface Logo {
  type: 'image/png' | 'image/svg+xml; charset=utf-8'
  body: Buffer
}

/** Maximum size of a logo, in bytes. */
const LARGEST_LOGO = 65_536

/** Reads the operator's logo, or returns why it cannot be used. */
export function readLogo(path: string): Logo | { problem: string } {
  let body: Buffer
  try {
    body = readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return { problem: code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read (${code})` }
  }
  if (body.length > LARGEST_LOGO)
    return { problem: `${path} has ${body.length} bytes, and ${LARGEST_LOGO} are allowed: choose a smaller image` }
  if (body.subarray(0, 8).equals(pngSignature)) return { type: 'image/png', body }
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<svg[\s/>]/.test(body.toString('utf8').replace(/^\uFEFF/, '')))
    return { type: 'image/svg+xml; charset=utf-8', body }
  return { problem: `${path} is neither an SVG nor a PNG image` }
}

const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex')
