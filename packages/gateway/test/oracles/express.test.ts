import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { describeOracle } from './describe-oracle.js'
import { page, site } from './known-tables.js'
import { colonSegment, type MountedRow, mountedRows, writtenPath } from './mounted-rows.js'
import { type RouterUnderTest, runByListener } from './router-under-test.js'

type ExpressHandler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** Common to versions 4 and 5. */
interface ExpressRouter {
  all(path: string, handler: ExpressHandler): unknown
  use(path: string, handler: ExpressHandler): unknown
}
interface ExpressModule {
  (): RequestListener & { use(handler: ExpressRouter | RequestListener): unknown }
  static(folder: string, options: { setHeaders: (response: ServerResponse, file: string) => void }): RequestListener
  Router(options: { strict?: boolean; caseSensitive?: boolean }): ExpressRouter
}

const require = createRequire(import.meta.url)
const express4 = require('express-4') as ExpressModule
const express5 = require('express') as ExpressModule

interface ConnectApp extends RequestListener {
  use(path: string, handler: ExpressHandler): unknown
}
const connect = require('connect') as () => ConnectApp

const sites = mkdtempSync(join(tmpdir(), 'oracle-'))
afterAll(() => rmSync(sites, { recursive: true }))

interface Variant {
  /** How the rest of a path is written; if undefined, the route is mounted with `use`. */
  rest?: string
  strict?: boolean
  caseSensitive?: boolean
}

/** Express with path-to-regexp 0.1 (version 4) or 8 (version 5). */
function expressRouter(name: string, module: ExpressModule, { rest, ...options }: Variant): RouterUnderTest {
  const mount: RouterUnderTest['mount'] = (routes) =>
    runByListener((report) => {
      const router = module.Router(options)
      for (const mounted of mountedRows(routes)) {
        const path = writtenPath(mounted, { segment: colonSegment, rest: rest ?? '' })
        const handle: ExpressHandler = ({ method = '' }, response, next) => {
          if (!mounted.methods.includes(method)) return next()
          report(mounted.row)
          response.end()
        }
        if (mounted.open && rest === undefined) router.use(path, handle)
        else router.all(path, handle)
      }
      const app = module()
      app.use(router)
      return app
    })
  return { name, ignoresCase: !options.caseSensitive, mount }
}

/** connect only has mounted handlers. The handlers of routes without `*` check that nothing of the path is left. */
const connectRouter: RouterUnderTest = {
  name: 'connect',
  ignoresCase: true,
  mount: (routes) =>
    runByListener((report) => {
      const app = connect()
      const rows = mountedRows(routes).map((mounted) => ({
        mounted,
        path: writtenPath(mounted, { segment: literalOnly, rest: '' }),
      }))
      // Because `/v1` also runs for `/v1.1`, the latter must be mounted first.
      for (const { mounted, path } of rows.toSorted((one, other) => other.path.length - one.path.length)) {
        app.use(path, ({ method = '', url = '' }, response, next) => {
          const isWhole = /^\/?(?:\?|$)/.test(url)
          if (!mounted.methods.includes(method) || !(mounted.open || isWhole)) return next()
          report(mounted.row)
          response.end()
        })
      }
      return app
    }),
}

function literalOnly(): never {
  throw new Error('connect has no parameters')
}

/** The files of a site: each route without a parameter is a file, or the index of a folder. */
const staticRouter: RouterUnderTest = {
  name: 'Express, files',
  ignoresIndex: true,
  mount: async (routes) => {
    const folder = mkdtempSync(join(sites, 'site-'))
    const rows = new Map<string, MountedRow[]>()
    for (const mounted of mountedRows(routes)) {
      if (mounted.open || mounted.segments.some(({ parameter }) => parameter !== undefined)) continue
      const path = writtenPath(mounted, { segment: colonSegment, rest: '' })
      const file = join(folder, path.includes('.') ? path : `${path}/index.html`)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, '')
      rows.set(file, [...(rows.get(file) ?? []), mounted])
    }
    return runByListener((report) => {
      const app = express5()
      const setHeaders = ({ req }: ServerResponse, file: string) => {
        const named = rows.get(file)?.find(({ methods }) => methods.includes(req.method ?? ''))
        if (named) report(named.row)
      }
      app.use(express5.static(folder, { setHeaders }))
      return app
    })
  },
}

// G51
describeOracle('Express', {
  routers: [
    expressRouter('Express 4', express4, { rest: '/*' }),
    expressRouter('Express 4, mounted', express4, {}),
    expressRouter('Express 4, strict', express4, { rest: '/*', strict: true, caseSensitive: true }),
    expressRouter('Express 5', express5, { rest: '{/*rest}' }),
    expressRouter('Express 5, mounted', express5, {}),
    expressRouter('Express 5, strict', express5, { rest: '/{*rest}', strict: true, caseSensitive: true }),
    connectRouter,
    staticRouter,
  ],
  known: [
    {
      finding: 'G15',
      router: 'connect',
      routes: site,
      method: 'DELETE',
      runs: 2,
      targets: ['/admin.x/users', '/ADMIN.x/users', '/admin.json/users/7'],
    },
    {
      finding: 'the index of a folder',
      router: 'Express, files',
      routes: page,
      runs: 1,
      targets: ['/admin/', '/admin/index.html'],
    },
  ],
})
