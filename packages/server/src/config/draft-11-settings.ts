import * as z from 'zod'
import { type ShapeOf, switchable, whole } from './fields.js'

/** The draft -11 edition, for agents that speak it. */
export interface Draft11Settings {
  /** Maximum number of resources per day for which one agent asks its user. The user has a different id at each. @default 200 */
  resourcesPerDay?: number | undefined
  /** Maximum number of open requests of one agent, at all resources together. @default 20 */
  openRequests?: number | undefined
  /**
   * Whether agents that list no `capabilities` are assumed to be able to take their users to a page: those of August 2026 list none when they
   * request person tokens. Weaker: the requests of agents that cannot do so stay open until they expire. @default false
   */
  capabilitiesOptional?: boolean | undefined
}

const draft11Shape = {
  resourcesPerDay: whole(1, 1_000_000).optional(),
  openRequests: whole(1, 10_000).optional(),
  capabilitiesOptional: z.boolean().optional(),
} satisfies ShapeOf<Draft11Settings> & z.ZodRawShape

/** The setting `draft11`. */
export const draft11Setting = switchable<Draft11Settings, typeof draft11Shape>(draft11Shape)
