import { type Asset, assetPath, createAsset, createAssets, type FoundAsset, findAsset } from './assets.js'
import { badgeShare, type Logo, readLogo, type Scheme } from './check-brand.js'

/** The appearance that the operator of a server has chosen. */
export interface Brand {
  /** Path of the logo in the header. */
  logo: string
  /** Path of the style sheet with the operator's colors; undefined if there are none. */
  stylesheet: string | undefined
  /** Finds a file of the pages by its name, including the logo and the style sheet. */
  findAsset: (name: string) => FoundAsset | undefined
}

/** The operator's colors, as `#rrggbb`. */
export type BrandColors = Readonly<Partial<Record<Scheme, string | undefined>>>

interface BrandSettings {
  /** Path of a file. */
  logo?: string | undefined
  /** Have been checked. */
  colors?: BrandColors | undefined
}

/** Creates the brand of a server. @throws TypeError if the logo cannot be used */
export function createBrand({ logo: path, colors }: BrandSettings): Brand {
  const logo = path === undefined ? undefined : requireLogo(path)
  const image = logo && `logo.${logo.type === 'image/png' ? 'png' : 'svg'}`
  const css = styleOf(colors)
  const assets = new Map<string, Asset>()
  if (image) assets.set(image, createAsset(logo.type, new Uint8Array(logo.body)))
  if (css !== '') assets.set('brand.css', createAsset('text/css; charset=utf-8', new TextEncoder().encode(css)))
  const own = createAssets(assets)
  return {
    logo: image ? own.pathOf(image) : assetPath('icon.svg'),
    stylesheet: css === '' ? undefined : own.pathOf('brand.css'),
    findAsset: (name) => own.find(name) ?? findAsset(name),
  }
}

function requireLogo(path: string): Logo {
  const logo = readLogo(path)
  if ('problem' in logo) throw new TypeError(`createAuthServer: pages.logo: ${logo.problem}`)
  return logo
}

/** Darkens a button in light mode and lightens it in dark mode. */
const hovered = { light: 'black', dark: 'white' }

function styleOf(colors: BrandColors = {}): string {
  return (['light', 'dark'] as const)
    .map((scheme) => {
      const color = colors[scheme]
      if (color === undefined) return ''
      const badge = `color-mix(in srgb, ${color} ${100 * badgeShare[scheme]}%, var(--sheet))`
      const hover = `color-mix(in srgb, ${color}, ${hovered[scheme]} 20%)`
      const variables = `--seal:${color};--seal-soft:${badge};--button:${color};--button-hover:${hover}`
      return `@media (prefers-color-scheme: ${scheme}){:root{${variables}}}`
    })
    .join('')
}
