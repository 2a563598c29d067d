import type { ServerKeys } from '../../secrets/server-keys.js'
import type { Client } from './client-document.js'
import type { OAuthResource } from './find-resource.js'

/** The OAuth edition of an auth server, for MCP clients that do not sign their requests. */
export interface OAuthOptions {
  /** The edition's own signing keys, which sign nothing else. Their secret is not used. */
  keys: ServerKeys
  /** Clients that the operator describes. One whose id is a URL replaces the document there. @default none */
  clients?: readonly Client[] | undefined
  /** Resources that the operator describes, because this server cannot fetch their metadata. @default none */
  resources?: readonly OAuthResource[] | undefined
  /** The only other resources that may be used. @default any whose metadata names this server */
  onlyResources?: readonly string[] | undefined
  /** The resource of requests that name none. @default such requests are refused */
  defaultResource?: string | undefined
}
