import type { Call } from 'countersign/editions'
import type { RequestBlocks } from '../pages/models/request-blocks.js'
import type { MintedSecrets } from '../secrets/server-keys.js'
import type { AuthRequest, OpenFor } from '../storage/api/storage.js'
import { PageError } from './page-error.js'

export type { AgentStatement, RequestBlocks, ResourceStatement } from '../pages/models/request-blocks.js'

/** The data about a request in its link, or in a form on the pages that the link leads to. */
export interface ConsentLink {
  /** The name of the edition whose agents send such links. */
  edition: string
  /** SHA-256 of the secret that only the link contains. */
  tokenHash: string
  /** Where the user goes next, according to the link; null if the user stays here, undefined if the link does not say. */
  redirectUri: string | null | undefined
  /** Returned to the agent. */
  state: string | undefined
  /** The path that shows the request again. */
  path: string
  /** The fields in the forms on the request's pages, by name. */
  fields: Readonly<Record<string, string>>
  /** A code shown both on the page and by the requesting program, so that users can tell their own request from another. */
  displayCode: string | undefined
}

/** A code that a user comes with. It can be guessed, and the browser leaves it for `path`, which then stays in its address bar. */
export interface CodeLink extends ConsentLink {
  /**
   * The part of a code that identifies the request to someone who guesses the rest. If the code leads to no request, the wrong guess counts
   * against the request that has the handle.
   */
  handle: string
}

/** Why a link is rejected. */
export type LinkProblem = 'request_unknown' | 'bad_form'

/** A user's decision. */
export type Decision = { allowed: true } | { allowed: false; why: string }

/** How the user who decides reaches a request in their browser, and how the decision reaches the agent. */
export interface ConsentTransport {
  /** The path of the pages. */
  readonly path: string
  /** Reads a link's query, or a form on the pages that a link leads to; undefined if neither is about a request. */
  readLink(parameters: ReadonlyMap<string, string>): Promise<ConsentLink | LinkProblem | undefined>
  /**
   * The SHA-256 hash of the handle that an Allow issues, which the agent can redeem once; undefined if the transport issues none. A request
   * always has the same handle, and handles of different editions must never have the same hash.
   */
  handleHashOf(request: Pick<AuthRequest, 'id' | 'agent'>): string | undefined
  /** How long the handle of a request can be redeemed, in seconds. @default `lifetimes.code` */
  handleLifetimeOf?(request: Pick<AuthRequest, 'redirectUri'>): number | undefined
  /** Whether the agent can still redeem the Allow. */
  isAlive(request: AuthRequest): boolean
  /**
   * Whether the decision reaches only the agent that sent the request. Only then can a grant be remembered and allow later requests without
   * a page (W22).
   */
  reachesOnlyAgent(request: AuthRequest): boolean
  /** Whether a remembered grant may allow the request without a page. @default true */
  acceptsGrant?(request: AuthRequest): boolean
  /**
   * Reads the code that the agent shows, which is sent as `code` by a user who comes without a link; undefined if the query has none. Only
   * the page that the code opens reads it: a form or a return path cannot be used to guess codes. @default users need a link
   */
  readCode?(parameters: ReadonlyMap<string, string>): CodeLink | undefined
  /**
   * Whether the grant allows later requests without a page for as long as it lasts, because the edition has no refresh tokens.
   * @default only a grant that lasts long enough, and only for permissions that are not dangerous
   */
  remembersGrants?(request: AuthRequest): boolean
  /** The user's account at the resource that a request names: a grant for one account allows nothing for another. @default none */
  accountOf?(request: AuthRequest): string | null
  /** The call for which the request can be allowed "just this once"; undefined if the resource named none. @default none */
  callOf?(request: AuthRequest): Call | undefined
  /** How long a request stays open at least once a user opens it, and at most in all. @default users may extend it */
  readonly openFor?: OpenFor | undefined
  /** What the page shows about a request in this edition, besides its display. @default nothing */
  blocksOf?(request: AuthRequest, link: ConsentLink): RequestBlocks
  /** The username that the agent suggests to a user who must sign in. @default none */
  usernameOf?(request: AuthRequest): string | undefined
  /** Where the user goes after the decision; null if they stay here. @default the redirect URI */
  returnUriOf?(request: AuthRequest): string | null
  /** Where the browser takes a user who comes back to their request after it has expired or was revoked. @default nowhere: a page says so */
  endedAddressOf?(request: AuthRequest): string | undefined
  /** Where the browser takes the decision; undefined if the agent polls for it instead. */
  addressOf(request: AuthRequest, decision: Decision): string | undefined
  /**
   * Who asks for access to what at a URL of this server that needs a sign-in before a request is stored. Shown on the sign-in page, so it
   * must say no more than is known. Undefined if the URL is not about a request. @default undefined for every URL
   */
  askerAt?(url: URL): LinkedAsker | undefined
}

/** Who asks for access to what, as far as a link says so. */
export interface LinkedAsker {
  agent: string | undefined
  resource: string | undefined
}

/** Creates a server's transport. */
export type CreateTransport = (issuer: string, secrets: MintedSecrets) => ConsentTransport

/** The transports of a server's editions. */
export class ConsentTransports {
  readonly #byEdition: ReadonlyMap<string, ConsentTransport>

  /** @throws TypeError if two editions have the same name or path */
  constructor(byEdition: readonly (readonly [edition: string, transport: ConsentTransport])[]) {
    this.#byEdition = new Map(byEdition)
    const paths = new Set(byEdition.map(([, { path }]) => path))
    if (this.#byEdition.size < byEdition.length || paths.size < byEdition.length)
      throw new TypeError('each edition needs its own name and consent path')
  }

  /** The paths of the consent pages. */
  get paths(): readonly string[] {
    return Array.from(this.#byEdition.values(), ({ path }) => path)
  }

  /** Whether the server offers an edition. */
  offers(edition: string): boolean {
    return this.#byEdition.has(edition)
  }

  /** The transport of a stored request, whose edition the server must still offer. */
  of({ edition }: Pick<AuthRequest, 'edition'>): ConsentTransport {
    const transport = this.#byEdition.get(edition)
    if (!transport) throw new PageError('request_unknown')
    return transport
  }

  /** The user's account at the resource that a stored request names; null if it names none. */
  accountOf(request: AuthRequest): string | null {
    return this.of(request).accountOf?.(request) ?? null
  }

  /** The call for which a stored request can be allowed. */
  callOf(request: AuthRequest): Call | undefined {
    return this.of(request).callOf?.(request)
  }

  /** The transport whose pages have this path. */
  at(path: string): ConsentTransport | undefined {
    return Array.from(this.#byEdition.values()).find((transport) => transport.path === path)
  }

  /** Who asks for access to what at a URL of this server that is not a consent page. */
  askerAt(url: URL): LinkedAsker | undefined {
    for (const transport of this.#byEdition.values()) {
      const asker = transport.askerAt?.(url)
      if (asker) return asker
    }
    return undefined
  }

  /** Reads the link in a query or form; undefined if it has none. @param path the page's path, if only its edition's links are read */
  async readLink(
    parameters: ReadonlyMap<string, string>,
    path?: string,
  ): Promise<ConsentLink | LinkProblem | undefined> {
    for (const transport of this.#byEdition.values()) {
      const link = path === undefined || transport.path === path ? await transport.readLink(parameters) : undefined
      if (link !== undefined) return link
    }
    return undefined
  }
}
