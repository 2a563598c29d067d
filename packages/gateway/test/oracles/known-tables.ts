import type { Route } from 'countersign-gateway'

const admin = { require: 'authorization', scope: 'admin' } as const

/** A private record with a public sub-resource. */
export const users: readonly Route[] = [
  { method: 'GET', path: '/users/{id}', ...admin },
  { method: 'DELETE', path: '/users/{id}', ...admin },
  { method: 'GET', path: '/users/{id}/avatar', require: 'none' },
  { method: 'DELETE', path: '/users/{id}/avatar', require: 'none' },
]

/** Private files with public previews, on an API that distinguishes extensions. */
export const files: readonly Route[] = [
  { method: 'GET', path: '/files/{name}', ...admin, endings: 'kept' },
  { method: 'GET', path: '/files/{name}.jpg', require: 'none', endings: 'kept' },
]

/** A protected folder of an otherwise public site. */
export const site: readonly Route[] = [
  { method: '*', path: '/*', require: 'none' },
  { method: '*', path: '/admin', ...admin },
  { method: '*', path: '/admin/*', ...admin },
]

/** A public site, next to an MCP server. */
export const open: readonly Route[] = [{ method: '*', path: '/*', require: 'none' }]

/** A public root, and nothing else that is public. */
export const root: readonly Route[] = [
  { method: 'GET', path: '/', require: 'none' },
  { method: '*', path: '/admin/*', ...admin },
  { method: '*', path: '/wp-json/*', ...admin },
]

/** A public list of private records. */
export const list: readonly Route[] = [
  { method: 'GET', path: '/users', require: 'none' },
  { method: 'GET', path: '/users/{id}', ...admin },
]

/** Public pages of a private site. */
export const pages: readonly Route[] = [
  { method: 'GET', path: '/pages/{name}', require: 'none' },
  { method: 'GET', path: '/pages/*', ...admin },
]

/** One protected page, and no route for paths below it. */
export const page: readonly Route[] = [
  { method: '*', path: '/*', require: 'none' },
  { method: '*', path: '/admin', ...admin },
]

/** Public user pages, next to a route with a literal name in the same position. */
export const owners: readonly Route[] = [
  { method: 'GET', path: '/{owner}/{page}', require: 'none' },
  { method: 'GET', path: '/me', require: 'none' },
  { method: 'GET', path: '/*', ...admin },
]

/** A protected index file. */
export const home: readonly Route[] = [
  { method: '*', path: '/*', require: 'none' },
  { method: 'GET', path: '/index.html', ...admin },
]

/** A protected root of an otherwise public site. */
export const index: readonly Route[] = [
  { method: '*', path: '/*', require: 'none' },
  { method: 'GET', path: '/', ...admin },
]

/** Protected names with a specific extension, on an otherwise public site. */
export const suffixed: readonly Route[] = [
  { method: 'GET', path: '/{id}-x', ...admin },
  { method: 'GET', path: '/*', require: 'none' },
]

/** Public documents whose paths may have parameters, on an otherwise protected site. */
export const documents: readonly Route[] = [
  { method: 'GET', path: '/{id}.pdf', require: 'none', pathParameters: true },
  { method: 'GET', path: '/*', require: 'identity' },
]

/** A public HEAD route at the root of a protected folder. */
export const head: readonly Route[] = [
  { method: 'HEAD', path: '/admin', require: 'none' },
  { method: 'GET', path: '/admin/*', require: 'identity' },
]
