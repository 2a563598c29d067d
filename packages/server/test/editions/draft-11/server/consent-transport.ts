import { type ConsentTransport, hashSecret, type MintedSecrets } from 'countersign-server/edition'
import { displayCode, readCode } from './interaction-code.js'
import { editionName, paths } from './paths.js'

/** The user arrives with a code, and is not redirected back. The agent polls for the outcome of its request. */
export function createConsentTransport(_issuer: string, secrets: MintedSecrets): ConsentTransport {
  return {
    path: paths.interact,
    async readLink(parameters) {
      const typed = parameters.get('code')
      if (typed === undefined) return undefined
      const code = readCode(typed)
      if (code === undefined) return 'request_unknown'
      return {
        edition: editionName,
        tokenHash: hashSecret(code),
        redirectUri: null,
        state: undefined,
        path: `${paths.interact}?${new URLSearchParams({ code }).toString()}`,
        fields: { code },
        displayCode: displayCode(code),
      }
    },
    handleHashOf: ({ id }) => hashSecret(secrets.codeOf(id)),
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: () => true,
    addressOf: () => undefined,
  }
}
