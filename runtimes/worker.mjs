import { createSigner } from 'countersign'
import { fetchWithoutAddressChecks } from 'countersign/discovery'
import { createResource } from 'countersign/resource'
import { runSuite } from './suite.mjs'

/** A resource in a Worker, which runs the suite at `/suite`. */

let resources

/** Created by the first request, because a Worker has no random numbers before. */
async function createResources({ ID: id, AUTH_SERVER: authServer, KEY }) {
  const signer = await createSigner(JSON.parse(KEY))
  const options = { id, signer, authServer, scopes: { read: 'See your events' }, allowInsecureLoopback: true }
  return {
    '/events': createResource({ ...options, fetch: fetchWithoutAddressChecks }),
    '/guarded': createResource(options),
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/suite') return Response.json(await runSuite())
    resources ??= createResources(env)
    const { [pathname]: resource, '/events': open } = await resources
    if (!resource) return open.handler(request)
    try {
      const { agent } = await resource.verify(request, { require: 'identity' })
      return new Response(`Hello, ${agent}`)
    } catch (error) {
      try {
        return await resource.toResponse(error)
      } catch ({ message }) {
        return new Response(message, { status: 500 })
      }
    }
  },
}
