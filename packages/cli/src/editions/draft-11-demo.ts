import { draft11Agent, draft11ResourceWith } from 'countersign/editions/draft-11'
import { type DemoEdition, demoPath, demoScope } from './demo-edition.js'
import { draft11Edition } from './draft-11.js'

/** The demo in draft -11 of AAuth, with a page for each token that speaks for a user. */
export const draft11Demo: DemoEdition = {
  command: draft11Edition,
  hasOlderForm: false,
  showsCodes: true,
  agentOptions: () => ({ edition: draft11Agent }),
  resourceOptions: ({ ids }) => ({
    // One of its routes needs no user.
    edition: draft11ResourceWith({ accessMode: 'agent-token' }),
    authServers: [ids['auth-server']],
  }),
  needs: {
    '/data': { require: 'identity' },
    '/data-person': { require: 'user' },
    [demoPath]: { require: 'authorization', scope: demoScope },
  },
  otherPaths: '/data-person (requires to know the user) or /data',
  levels: { identity: 'identified', user: 'for a user', authorization: 'authorized' },
  describe: (verified) => ({
    agent: verified.agent ?? null,
    ...('sub' in verified ? { iss: verified.iss, sub: verified.sub } : {}),
    ...('scope' in verified ? { scope: verified.scope.join(' ') } : {}),
  }),
  loadServer: async (keys) => (await import('countersign-server/editions/draft-11')).draft11Server({ keys }),
  story: {
    pages: [
      {
        call: 'The agent calls the API, with an agent token that it issued itself.',
        error: 'person_token_required',
        meaning: 'the agent must act for a user',
        decides: (username) => `${username} signs in at the person server, compares the code, and decides.`,
        prompts: 'The person server asks you to sign in, to compare the code, and to decide.',
        allowed: 'Act for you at this API',
      },
      {
        call: 'The agent calls again, with a person token for this API.',
        error: 'auth_token_required',
        meaning: 'a user must allow this first',
        decides: (username) => `The person server asks ${username} what the agent may do.`,
        prompts: 'The person server asks you what the agent may do.',
      },
    ],
    lastCall: 'The agent calls again, with an auth token that works only with its key.',
    tokenType: 'aa-auth+jwt',
    revoked: 'revoked_jwt',
    removal: 'The person server tells the API.',
    removalTime: 30,
  },
}
