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

/** A file that was found, and whether the name identifies exactly this version. */
export interface FoundAsset {
  asset: Asset
  current: boolean
}

/** Files under `/assets`, by name. */
interface Assets {
  /** The path of the current version of a file. The content at this path can be cached forever. */
  pathOf: (name: string) => string
  /** Finds a file by its plain name, or by a name in a path that `pathOf` returns or used to return. */
  find: (name: string) => FoundAsset | undefined
}

/** Creates a set of files that are served under `/assets`. */
export function createAssets(assets: ReadonlyMap<string, Asset>): Assets {
  return {
    pathOf: (name) => `/assets/${name.replace('.', `.${assets.get(name)?.hash}.`)}`,
    find(name) {
      const [, stem, hash, ending] = /^([a-z-]+)\.(?:([0-9a-f]{12})\.)?([a-z]+)$/.exec(name) ?? []
      const asset = assets.get(`${stem}.${ending}`)
      return asset && { asset, current: asset.hash === hash }
    },
  }
}

/** Prepares a file to be served. */
export function createAsset(type: string, file: Uint8Array<ArrayBuffer>): Asset {
  const gzip = new Uint8Array(gzipSync(file, { level: constants.Z_BEST_COMPRESSION }))
  return {
    type,
    body: file,
    gzip: gzip.length < 0.9 * file.length ? gzip : undefined,
    hash: createHash('sha256').update(file).digest('hex').slice(0, 12),
  }
}

function read(name: string, type: string): Asset {
  const file = readFileSync(new URL(`../../assets/${name}`, import.meta.url))
  return createAsset(type, new Uint8Array(type.startsWith('text/css') ? Buffer.from(squeezed(file.toString())) : file))
}

/** Removes comments, and white space around braces and semicolons, from a style sheet whose strings contain neither. */
function squeezed(css: string): string {
  return css.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\s*([{};])\s*/g, '$1')
}

const pageAssets = createAssets(new Map(Object.entries(types).map(([name, type]) => [name, read(name, type)])))

/** Returns the path of the current version of an asset of all servers. */
export function assetPath(name: keyof typeof types): string {
  return pageAssets.pathOf(name)
}

/** Finds an asset of all servers by its name. */
export const findAsset = pageAssets.find
