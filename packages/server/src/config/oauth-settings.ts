import * as z from 'zod'
import { given, switchable, text } from './fields.js'
import type { ShapeOf } from './options.js'

/** The OAuth edition, for MCP clients that do not sign their requests. */
export interface OAuthSettings {
  /**
   * Clients that you register: client metadata whose `client_id` is a name of your choice, or the URL of a document that is then not
   * fetched. @default none
   */
  clients?: readonly object[] | undefined
  /** Protected resource metadata (RFC 9728) of resources from which this server cannot fetch it. @default none */
  resources?: readonly object[] | undefined
  /** The only other resources that clients may use. @default any whose metadata names this server */
  onlyResources?: readonly string[] | undefined
  /** The resource of requests that name none, which some older clients send. @default such requests are refused */
  defaultResource?: string | undefined
}

const document = given<object>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object: the document itself',
)

export const oauthShape = {
  clients: z.array(document).max(1000).readonly().optional(),
  resources: z.array(document).max(1000).readonly().optional(),
  onlyResources: z.array(text(512)).max(1000).readonly().optional(),
  defaultResource: text(512).optional(),
} satisfies ShapeOf<OAuthSettings>

export const oauthSetting = switchable<OAuthSettings, typeof oauthShape>(oauthShape)
