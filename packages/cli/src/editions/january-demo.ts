import { type DemoEdition, demoPath, demoScope } from './demo-edition.js'
import { januaryEdition } from './january.js'

/** The demo in AAuth as of January 2026. */
export const januaryDemo: DemoEdition = {
  command: januaryEdition,
  hasOlderForm: true,
  showsCodes: false,
  agentOptions: ({ ids, interop }) => ({
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: [ids['auth-server']] } : {},
  }),
  resourceOptions: ({ ids, interop, isPeer, checksRevocation }) => ({
    authServer: ids['auth-server'],
    denyList: checksRevocation ? {} : undefined,
    interop: interop ? { unsignedBodies: isPeer } : {},
  }),
  needs: {
    '/data': { require: 'signature' },
    '/data-hwk': { require: 'signature' },
    '/data-jwks': { require: 'identity' },
    [demoPath]: { require: 'authorization', scope: demoScope },
  },
  otherPaths: '/data-jwks or /data',
  levels: { signature: 'signed', identity: 'identified', authorization: 'authorized' },
  describe: (verified) => ({
    agent: verified.agent ?? null,
    agent_delegate: verified.delegate ?? null,
    scope: 'scope' in verified ? verified.scope.join(' ') : undefined,
  }),
  loadServer: async () => (await import('countersign-server')).januaryServer,
  story: {
    pages: [
      {
        call: 'The agent calls the API. It signs the request with its own key.',
        meaning: 'a user must allow this first',
        decides: (username) => `${username} signs in at the auth server, reads the request, and decides.`,
        prompts: 'The auth server asks you to sign in, to read the request, and to decide.',
      },
    ],
    lastCall: 'The agent calls again, with a token that works only with its key.',
    tokenType: 'auth+jwt',
    revoked: 'invalid_auth_token',
    removal: 'The API notices within 5 seconds.',
    removalTime: 10,
  },
}
