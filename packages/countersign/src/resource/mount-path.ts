import type { Requirement } from '../editions/verified-request.js'
import type { Resource } from './create-resource.js'
import type { VerifyRequestOptions } from './request-verifier.js'

export interface MountedOptions<R extends Requirement> extends VerifyRequestOptions<R> {
  /**
   * What was taken off the path in front of the handler, such as `/api`, where the request does not show it: by `app.mount`
   * of hono, by `rewriteUrl` of Fastify, by Connect. What routers of Express take off, they show themselves. The agent signs
   * the whole path. Where anything else was taken off, the answer is 500. @default nothing
   */
  mountPath?: string
}

/** @throws TypeError for what no router takes off */
export function requireMountPath({ mountPath }: { mountPath?: string }): string {
  if (mountPath === undefined) return ''
  if (!/^(?:\/[^/?#]+)+$/.test(mountPath))
    throw new TypeError('mountPath must be what is taken off the path, such as "/api": no slash at its end')
  return mountPath
}

/** @throws TypeError for what is no resource */
export function requireResource(resource: Resource): void {
  if (typeof resource !== 'object' || resource === null || typeof resource.verify !== 'function')
    throw new TypeError('the first argument must be the resource that createResource returns')
}
