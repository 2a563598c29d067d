import type { AgentOptions } from 'countersign/agent'
import type { ResourceOptions, VerifiedRequest, VerifyRequestOptions } from 'countersign/resource'
import type { SignedEdition } from 'countersign-server/edition'
import type { SigningKeys } from 'countersign-server/operate'
import type { CommandEdition } from './command-edition.js'

/** The path at the demo's API that requires a user's authorization. */
export const demoPath = '/data-auth'

/** The scope that it requires. */
export const demoScope = 'data.read data.write'

/** The parties of a run. */
export interface DemoSetting {
  ids: Readonly<Record<'agent' | 'resource' | 'auth-server', string>>
  /** Whether the other parties may use an older form of the protocol, and are sent messages in that form (W2, W6, W9, W12 and W13). */
  interop: boolean
  /** Whether an agent is another implementation, which may use the older form. */
  isPeer: (agent: string) => boolean
  /** Whether the resource refuses revoked tokens, if that requires a revocation list. This requires our auth server. */
  checksRevocation: boolean
}

/** An edition of AAuth, as the demo's parties and its story need it. */
export interface DemoEdition {
  /** The edition's messages, for traces and hints. */
  readonly command: CommandEdition
  /** Whether peers may use an older form of the edition. */
  readonly hasOlderForm: boolean
  /** Whether every consent page shows the code that the agent shows. */
  readonly showsCodes: boolean
  readonly agentOptions: (setting: DemoSetting) => Partial<AgentOptions>
  readonly resourceOptions: (setting: DemoSetting) => Partial<ResourceOptions>
  /** The level that each path of the API requires. One of them is `demoPath`. */
  readonly needs: Readonly<Record<string, VerifyRequestOptions<VerifiedRequirement>>>
  /** Paths of the API for which no user must decide, or less, for readers. */
  readonly otherPaths: string
  /** The level in the response from a path. */
  readonly levels: Readonly<Partial<Record<VerifiedRequirement, string>>>
  /** What a response contains about the agent and its user. */
  readonly describe: (verified: VerifiedRequest) => object
  readonly loadServer: (keys: SigningKeys) => Promise<SignedEdition>
  readonly story: DemoStory
}

type VerifiedRequirement = 'signature' | 'identity' | 'user' | 'authorization'

/** What the story tells about the edition. */
export interface DemoStory {
  /** The pages on which the user decides, in order. */
  readonly pages: readonly [StoryPage, ...StoryPage[]]
  /** The call with everything that the user allowed. */
  readonly lastCall: string
  /** `typ` of the token that the API finally accepts. */
  readonly tokenType: string
  /** `error` in the API's response to a token that was revoked. */
  readonly revoked: string
  /** How soon the API refuses it. */
  readonly removal: string
  /** How long that can take, in seconds. */
  readonly removalTime: number
}

/** A page, and the call that leads to it. */
export interface StoryPage {
  readonly call: string
  /** `error` in the API's response. @default it has no such body */
  readonly error?: string
  readonly meaning: string
  readonly decides: (username: string) => string
  /** The same for a real user. */
  readonly prompts: string
  /** What the user has allowed. @default the scopes of the token */
  readonly allowed?: string
}
