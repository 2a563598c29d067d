import type { Resource } from './create-resource.js'

/** @throws TypeError for what is no resource */
export function requireResource(resource: Resource): void {
  if (typeof resource !== 'object' || resource === null || typeof resource.verify !== 'function')
    throw new TypeError('the first argument must be the resource that createResource returns')
}
