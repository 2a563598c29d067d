import type { Requirement } from '../editions/verified-request.js'
import type { Resource } from './create-resource.js'
import type { VerifyRequestOptions } from './request-verifier.js'

export interface MountedOptions<R extends Requirement> extends VerifyRequestOptions<R> {
  /**
   * The path prefix, such as `/api`, that hono's `app.mount`, Fastify's `rewriteUrl` or Connect removes before the handler runs, without
   * the request revealing it. Express routers reveal the prefix that they remove. The agent signs the whole path. If a different prefix was
   * removed, the response is 500. @default nothing
   */
  mountPath?: string
}

/** @throws TypeError for an invalid prefix */
export function requireMountPath({ mountPath }: { mountPath?: string }): string {
  if (mountPath === undefined) return ''
  if (!/^(?:\/[^/?#]+)+$/.test(mountPath))
    throw new TypeError('mountPath must be the removed path prefix, such as "/api", without a trailing slash')
  return mountPath
}

/** @throws TypeError for a value that is not a resource */
export function requireResource(resource: Resource): void {
  if (typeof resource !== 'object' || resource === null || typeof resource.verify !== 'function')
    throw new TypeError('the first argument must be a resource created by createResource')
}
