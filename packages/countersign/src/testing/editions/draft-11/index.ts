/**
 * Draft -11 of AAuth for `createTestWorld`: a person server, agents and faulty requests.
 *
 * @packageDocumentation
 */

import { draft11Agent, draft11Resource } from '../../../entry-points/draft-11.js'
import type { TestEdition } from '../../test-edition.js'
import { draft11Faults } from './faults.js'
import { createPersonServer } from './person-server.js'

/**
 * Draft -11 in a test world.
 *
 * @example
 * ```ts
 * const world = await createTestWorld({ edition: draft11TestEdition })
 * ```
 */
export const draft11TestEdition: TestEdition = {
  agent: draft11Agent,
  resource: draft11Resource,
  createServer: createPersonServer,
  faults: draft11Faults,
}
