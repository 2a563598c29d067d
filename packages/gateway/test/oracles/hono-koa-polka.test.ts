import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { getRequestListener } from '@hono/node-server'
import KoaRouter from '@koa/router'
import { Hono } from 'hono'
import Koa from 'koa'
import { describeOracle } from './describe-oracle.js'
import { head } from './known-tables.js'
import { colonSegment, type MountedSegment, mountedRows, writtenPath } from './mounted-rows.js'
import { type RouterUnderTest, runByListener } from './router-under-test.js'

/** Hono supports parameters with a pattern. */
function honoSegment({ before, parameter, after }: MountedSegment): string {
  if (before + after === '') return `:${parameter}`
  return `:${parameter}{${before}[^/]+${after.replaceAll('.', '\\.')}}`
}

function honoRouter(name: string, options: { strict?: boolean }): RouterUnderTest {
  const mount: RouterUnderTest['mount'] = (routes) =>
    runByListener((report): RequestListener => {
      const app = new Hono(options)
      for (const mounted of mountedRows(routes))
        app.on([...mounted.methods], writtenPath(mounted, { segment: honoSegment, rest: '/*' }), (context) => {
          report(mounted.row)
          return context.body(null)
        })
      return getRequestListener(app.fetch, { overrideGlobalObjects: false }) as RequestListener
    })
  return { name, mount }
}

function koaRouter(name: string, options: { strict?: boolean; sensitive?: boolean }): RouterUnderTest {
  const mount: RouterUnderTest['mount'] = (routes) =>
    runByListener((report): RequestListener => {
      const router = new KoaRouter(options)
      for (const mounted of mountedRows(routes))
        router.register(
          writtenPath(mounted, { segment: colonSegment, rest: options.strict ? '/{*rest}' : '{/*rest}' }),
          [...mounted.methods],
          (context) => {
            report(mounted.row)
            context.body = ''
          },
        )
      const app = new Koa()
      app.silent = true
      app.use(router.routes())
      return app.callback() as RequestListener
    })
  return { name, ignoresCase: !options.sensitive, mount }
}

interface Polka {
  add(method: string, path: string, handler: RequestListener): unknown
  handler: RequestListener
}
const polka = createRequire(import.meta.url)('polka') as () => Polka

/** Polka supports an extension only after a parameter, and only in the last segment. */
function polkaSegment(segment: MountedSegment, isLast: boolean): string {
  if (segment.before !== '' || !(isLast ? /^(?:\..*)?$/ : /^$/).test(segment.after))
    throw new Error('Polka has no such parameter')
  return colonSegment(segment)
}

const polkaRouter: RouterUnderTest = {
  name: 'Polka',
  mount: (routes) =>
    runByListener((report): RequestListener => {
      const app = polka()
      for (const mounted of mountedRows(routes))
        for (const method of mounted.methods)
          app.add(method, writtenPath(mounted, { segment: polkaSegment, rest: '/*' }), (_, response) => {
            report(mounted.row)
            response.end()
          })
      return app.handler
    }),
}

// G51
describeOracle('Hono, Koa and Polka', {
  routers: [
    honoRouter('Hono', {}),
    honoRouter('Hono, not strict', { strict: false }),
    koaRouter('Koa', {}),
    koaRouter('Koa, strict', { strict: true, sensitive: true }),
    polkaRouter,
  ],
  known: [{ finding: 'GET for HEAD', router: 'Hono', routes: head, runs: 1, method: 'HEAD', targets: ['/admin'] }],
})
