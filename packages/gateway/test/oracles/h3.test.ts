import type { RequestListener } from 'node:http'
import * as h3v1 from 'h3-1'
import { H3, toNodeHandler } from 'h3-2'
import { describeOracle } from './describe-oracle.js'
import { owners, users } from './known-tables.js'
import { colonSegment, type MountedSegment, mountedRows, writtenPath } from './mounted-rows.js'
import { type RouterUnderTest, runByListener } from './router-under-test.js'

/** radix3 treats a segment that contains a parameter as a whole parameter. */
function wholeSegment({ before, parameter, after }: MountedSegment): string {
  if (before + after !== '') throw new Error('h3 1 has no parameters with text around them')
  return `:${parameter}`
}

const version1: RouterUnderTest = {
  name: 'h3 1',
  decodes: true,
  mount: (routes) =>
    runByListener((report): RequestListener => {
      const router = h3v1.createRouter()
      for (const mounted of mountedRows(routes)) {
        const path = writtenPath(mounted, { segment: wholeSegment, rest: '/**' })
        const handler = h3v1.eventHandler(() => {
          report(mounted.row)
          return ''
        })
        for (const method of mounted.methods) router.add(path, handler, method.toLowerCase() as 'get')
      }
      const app = h3v1.createApp()
      app.use(router)
      return h3v1.toNodeListener(app)
    }),
}

const version2: RouterUnderTest = {
  name: 'h3 2',
  decodes: true,
  mount: (routes) =>
    runByListener((report): RequestListener => {
      const app = new H3()
      for (const mounted of mountedRows(routes)) {
        const path = writtenPath(mounted, { segment: colonSegment, rest: '/**' })
        const handler = () => {
          report(mounted.row)
          return ''
        }
        for (const method of mounted.methods) app.on(method as 'GET', path, handler)
      }
      return toNodeHandler(app) as RequestListener
    }),
}

const known = { finding: 'an encoded ?', router: 'h3 1', routes: users }
// G51
describeOracle('h3', {
  routers: [version1, version2],
  known: [
    { ...known, runs: 0, targets: ['/users/7%3F/avatar', '/users/7%3Fx/avatar'] },
    { ...known, runs: 1, method: 'DELETE', targets: ['/users/7%3F/avatar'] },
    { finding: 'G50', router: 'h3 1', routes: owners, runs: 2, targets: ['/me/7'] },
  ],
})
