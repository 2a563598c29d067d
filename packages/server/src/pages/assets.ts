import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, gzipSync } from 'node:zlib'

/** A file that the pages need, as it is served. */
export interface Asset {
  type: string
  body: Uint8Array<ArrayBuffer>
  /** The compressed body, if it is shorter. */
  gzip: Uint8Array<ArrayBuffer> | undefined
  /** Changes whenever the body changes. */
  hash: string
}

const types = {
  'pages.css': 'text/css; charset=utf-8',
  'account.css': 'text/css; charset=utf-8',
  'pages.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml; charset=utf-8',
  'favicon.ico': 'image/x-icon',
  'apple-touch-icon.png': 'image/png',
}

type AssetName = keyof typeof types

const assets = new Map(Object.entries(types).map(([name, type]) => [name, read(name, type)]))

function read(name: string, type: string): Asset {
  const file = readFileSync(new URL(`../../assets/${name}`, import.meta.url))
  const body = new Uint8Array(type.startsWith('text/css') ? Buffer.from(squeezed(file.toString())) : file)
  const gzip = new Uint8Array(gzipSync(body, { level: constants.Z_BEST_COMPRESSION }))
  return {
    type,
    body,
    gzip: gzip.length < 0.9 * body.length ? gzip : undefined,
    hash: createHash('sha256').update(body).digest('hex').slice(0, 12),
  }
}

/** Removes comments, and white space around braces and semicolons, from a style sheet whose strings contain neither. */
function squeezed(css: string): string {
  return css.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\s*([{};])\s*/g, '$1')
}

/** Returns the path of the current version of an asset. The content at this path can be cached forever. */
export function assetPath(name: AssetName): string {
  return `/assets/${name.replace('.', `.${assets.get(name)?.hash}.`)}`
}

/**
 * Finds the asset by its plain name, or by a name that {@link assetPath} returns or used to return. `current`: whether the name identifies
 * exactly this version.
 */
export function findAsset(name: string): { asset: Asset; current: boolean } | undefined {
  const [, stem, hash, ending] = /^([a-z-]+)\.(?:([0-9a-f]{12})\.)?([a-z]+)$/.exec(name) ?? []
  const asset = assets.get(`${stem}.${ending}`)
  return asset && { asset, current: asset.hash === hash }
}
