/**
 * For tests of your own APIs and agents. `createTestWorld` creates an auth server, users, agents and a clock in memory, and can produce
 * each fault that an API must refuse.
 *
 * @packageDocumentation
 */

export { createTestWorld, type TestWorld, type TestWorldOptions } from './create-test-world.js'
export type { TestAccessTokenFault, TestAccessTokenOptions } from './test-access-tokens.js'
export type { TestAgent, TestAgentOptions } from './test-agent.js'
export type { TestEdition } from './test-edition.js'
export type { TestFault } from './test-faults.js'
export type { OriginHandler, TestOrigins } from './test-origins.js'
export type { AskedConsent, TestPersonOptions, TestUser } from './test-person.js'
