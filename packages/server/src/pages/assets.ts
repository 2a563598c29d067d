import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, gzipSync } from 'node:zlib'

/** A file that the pages need, as it is served. */
export interface Asset {
  type: string
  body: Uint8Array<ArrayBuffer>
  /** The same, compressed, where that is shorter. */
  gzip: Uint8Array<ArrayBuffer> | undefined
  /** Another one whenever the body is. */
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

/** A style sheet without comments and indentation. */
function squeezed(css: string): string {
  return css.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\n\s*/g, '\n')
}

/** The path of an asset as it is now: whoever keeps what is there may do so for ever. */
export function assetPath(name: AssetName): string {
  return `/assets/${name.replace('.', `.${assets.get(name)?.hash}.`)}`
}

/** The asset with a name, or with one that {@link assetPath} gives or gave; `current`: exactly this one is meant. */
export function findAsset(name: string): { asset: Asset; current: boolean } | undefined {
  const [, stem, hash, ending] = /^([a-z-]+)\.(?:([0-9a-f]{12})\.)?([a-z]+)$/.exec(name) ?? []
  const asset = assets.get(`${stem}.${ending}`)
  return asset && { asset, current: asset.hash === hash }
}
