import type { ResourceEdition } from '../edition.js'
import { draft11Documents } from './documents.js'
import { writeRefusal } from './refusals.js'
import { createKeyResolver } from './resolve-key.js'
import { createResourceProtocol } from './resource-protocol.js'
import { draft11BaseSigning, draft11Signing, furtherComponentNames } from './signing.js'

const responseHeaders = [
  'AAuth-Requirement',
  'AAuth-Access',
  'Signature-Error',
  'Accept-Signature-Scheme',
  'Accept-Signature-Alg',
] as const

/** The resource's part of draft -11 of AAuth: signatures cover the query and the body. */
export const draft11Resource = resourceEdition(draft11Signing, furtherComponentNames)

/**
 * The same for agents that cover only what draft -11 requires of every signature. Anyone between such an agent and the resource can change
 * the query and the body of a request.
 */
export const draft11ResourceWithBaseCoverage = resourceEdition(draft11BaseSigning, [])

function resourceEdition(signing: typeof draft11Signing, furtherComponents: readonly string[]) {
  return {
    name: 'draft -11',
    documents: draft11Documents,
    signing,
    responseHeaders,
    createKeyResolver,
    writeRefusal: (error, challenge) => writeRefusal(error, challenge),
    createResourceProtocol: (tools) => createResourceProtocol(tools, { furtherComponents, window: signing.window }),
  } as const satisfies ResourceEdition
}
