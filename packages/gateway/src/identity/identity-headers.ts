import { AAuthError, type VerifiedRequest } from 'countersign/resource'
import type { Level } from '../routes/route.js'

/** The headers that identify the caller to the upstream (W29). All of them are always sent; an unknown value is empty. */
const identityFields = [
  'X-AAuth-Level',
  'X-AAuth-Agent-Server',
  'X-AAuth-Delegate',
  'X-AAuth-JKT',
  'X-AAuth-Issuer',
  'X-AAuth-Subject',
  'X-AAuth-Scope',
] as const

export type IdentityField = (typeof identityFields)[number]

export type IdentityFields = Readonly<Record<IdentityField, string>>

/** For a request of which nothing was verified. */
export const noIdentity: IdentityFields = Object.freeze(
  Object.fromEntries(identityFields.map((name) => [name, ''])) as Record<IdentityField, string>,
)

/** The verified caller. */
export interface Identity {
  level: Level
  agent: string | undefined
  delegate: string | undefined
  thumbprint: string
  iss: string | undefined
  sub: string | undefined
  scope: readonly string[]
}

/** The caller at the level that the route requires: a user and a scope only for `authorization`. */
export function identityOf({ agent, delegate, thumbprint, authorization }: VerifiedRequest, level: Level): Identity {
  const allowed = level === 'authorization' && authorization ? authorization : undefined
  const { iss, sub } = allowed?.claims ?? { iss: undefined, sub: undefined }
  return { level, agent, delegate, thumbprint, iss, sub, scope: allowed?.scope ?? [] }
}

/** @throws AAuthError `upstream_failed` for a value that no header can have, `request_malformed` if that is the delegate */
export function fieldsOf({ level, agent, delegate, thumbprint, iss, sub, scope }: Identity): IdentityFields {
  const fields: IdentityFields = {
    'X-AAuth-Level': level,
    'X-AAuth-Agent-Server': agent ?? '',
    'X-AAuth-Delegate': delegate ?? '',
    'X-AAuth-JKT': thumbprint,
    'X-AAuth-Issuer': iss ?? '',
    'X-AAuth-Subject': sub ?? '',
    'X-AAuth-Scope': scope.join(' '),
  }
  for (const [name, value] of Object.entries(fields)) if (!isSendable(value)) throw refusalOf(name)
  return fields
}

/** Printable ASCII without blanks at its ends, which a reader of a header strips: ` ann` would be `ann`. */
function isSendable(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value) && value.trim() === value
}

/** The agent's own server wrote the delegate, so that this is an error of the caller and not of the API. */
function refusalOf(name: string): AAuthError {
  const problem = `${name} is not printable ASCII without blanks at its ends, and cannot be sent to the API.`
  return new AAuthError(name === 'X-AAuth-Delegate' ? 'request_malformed' : 'upstream_failed', problem)
}
