import * as z from 'zod'
import { given, type ShapeOf, switchable, text } from './fields.js'

/** How clients register themselves. */
export interface RegistrationSettings {
  /**
   * URLs to which the response may be sent, besides programs on the user’s device, such as
   * `["https://www.cursor.com/agents/mcp/oauth/callback"]`. A client must list exactly the same URL. @default none
   */
  redirectUris?: readonly string[] | undefined
}

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
  /**
   * Lets clients that have no document register themselves: `true`, or an object with the settings below. No one vouches for such a client.
   * @default false
   */
  registration?: boolean | RegistrationSettings | undefined
}

const document = given<object>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object: the document itself',
)

const registrationShape = {
  redirectUris: z.array(text(2048)).max(100).readonly().optional(),
} satisfies ShapeOf<RegistrationSettings>

/** The settings in `oauth`. */
export const oauthShape = {
  clients: z.array(document).max(1000).readonly().optional(),
  resources: z.array(document).max(1000).readonly().optional(),
  onlyResources: z.array(text(512)).max(1000).readonly().optional(),
  defaultResource: text(512).optional(),
  registration: switchable<RegistrationSettings, typeof registrationShape>(registrationShape),
} satisfies ShapeOf<OAuthSettings>

/** The setting `oauth`. */
export const oauthSetting = switchable<OAuthSettings, typeof oauthShape>(oauthShape)
