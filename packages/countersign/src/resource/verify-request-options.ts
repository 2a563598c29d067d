import type { Requirement } from '../editions/verified-request.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { nearestName, requireKnownOptions, warnOnce } from '../lib/options.js'
import { parseScope } from '../protocol/scope.js'

export interface VerifyRequestOptions<R extends Requirement> {
  /** The level the request must reach (S§4). */
  require: R
  /** Space-separated values that the auth token must all have; with `authorization` only, and required there. */
  scope?: string
  /**
   * For content that says what it needs, as a message does: called once it was taken in, when nothing else can refuse the request. What it
   * gives is required, too. @default nothing more is
   */
  byContent?: ((content: Uint8Array) => MaybePromise<Need | undefined>) | undefined
}

/** What content needs. */
export type Need = Pick<VerifyRequestOptions<Requirement>, 'require' | 'scope'>

/** With what the adapters take besides. */
const verifyRequestOptions = {
  require: true,
  scope: true,
  byContent: true,
  mountPath: true,
} as const satisfies Record<keyof VerifyRequestOptions<Requirement> | 'mountPath', true>

const requirements: ReadonlySet<unknown> = new Set<Requirement>(['signature', 'identity', 'authorization'])

/**
 * Throws a TypeError for a level or a scope that cannot be meant. Warns once of a scope that the resource does not
 * declare: people are asked for it without words.
 */
export function requireVerifyOptions(
  options: VerifyRequestOptions<Requirement>,
  { id, scopes: declared }: { id: string; scopes: readonly string[] | undefined },
): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      "say what is required: { require: 'identity' }, or { require: 'authorization', scope: 'data.read' }",
    )
  requireKnownOptions('the check of a request', options, verifyRequestOptions)
  const { require, scope } = options
  if (!requirements.has(require))
    throw new TypeError(`require must be 'signature', 'identity' or 'authorization', not ${JSON.stringify(require)}`)
  if (require !== 'authorization') {
    if (scope === undefined) return
    throw new TypeError(`scope has a meaning with require: 'authorization' only, not with '${require}'`)
  }
  const values = scope === undefined ? undefined : parseScope(scope)
  if (!values) throw new TypeError('require: authorization needs a scope, such as "data.read"')
  const undeclared = declared && values.find((value) => !declared.includes(value))
  if (declared === undefined || undeclared === undefined) return
  const near = nearestName(undeclared, declared)
  const meant = near === undefined ? '' : `; did you mean ${near}?`
  warnOnce(
    id,
    `scope ${undeclared}`,
    `it is not among the scopes of the resource, so people read no words for it${meant}`,
  )
}
